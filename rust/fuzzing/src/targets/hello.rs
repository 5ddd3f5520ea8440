//! The check of an unverified client's datagram: is it a ClientHello, and is its cookie valid?

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use dtls::{CookieCheck, CookieJar};

use crate::random::{self, Stream};
use crate::sides::{self, CLIENT_ADDRESS};

const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8)), 40_000);

/// Where things stand in a ClientHello's datagram: RFC 6347 sections 4.1, 4.2.2 and 4.2.1.
const RECORD_LENGTH: usize = 11;
const MESSAGE_LENGTH: usize = 14;
const FRAGMENT_LENGTH: usize = 22;
const SESSION_ID: usize = 59;
/// What stands before the message.
const HEADERS: usize = 25;
/// The longest message that is looked at.
const LONGEST: usize = 4096;

pub(crate) fn run(datagram: &[u8]) {
    let clock = sides::begin_run();
    random::select(Stream::Server);
    // Made once: this relies on answers that do not depend on earlier datagrams, and so tests that.
    static JAR: Mutex<Option<CookieJar>> = Mutex::new(None);
    let mut jar = JAR.lock().unwrap_or_else(PoisonError::into_inner);
    let jar = jar.get_or_insert_with(|| CookieJar::new(clock.now()).expect("a jar is made"));
    let mut verify_cookie = |datagram: &[u8], client| {
        jar.verify_cookie(datagram, client, clock.now())
            .expect("a cookie is computed")
    };
    match verify_cookie(datagram, CLIENT_ADDRESS) {
        CookieCheck::NotClientHello => {}
        CookieCheck::Verified => {
            assert_ne!(verify_cookie(datagram, ELSEWHERE), CookieCheck::Verified);
        }
        CookieCheck::Unverified(request) => {
            let request = request.as_bytes();
            assert!(request.len() <= datagram.len(), "nothing is amplified");
            assert_eq!(request[3..RECORD_LENGTH], datagram[3..RECORD_LENGTH]);
            let cookie = &request[request.len() - 32..];
            // Wherever a client cuts its hello, it is the same client.
            let fragment = first_fragment(datagram, &[]);
            let CookieCheck::Unverified(of_fragment) = verify_cookie(&fragment, CLIENT_ADDRESS)
            else {
                panic!("a first fragment is answered");
            };
            assert_eq!(of_fragment.as_bytes(), request);
            let fragment = first_fragment(datagram, cookie);
            assert_eq!(
                verify_cookie(&fragment, CLIENT_ADDRESS),
                CookieCheck::Verified
            );
            let Some(second) = with_cookie(datagram, cookie) else {
                return;
            };
            assert_eq!(
                verify_cookie(&second, CLIENT_ADDRESS),
                CookieCheck::Verified
            );
            assert!(matches!(
                verify_cookie(&second, ELSEWHERE),
                CookieCheck::Unverified(_)
            ));
            // What the cookie is for cannot be changed afterwards: here, the client's random.
            let mut other = second.clone();
            other[SESSION_ID - 1] ^= 1;
            assert!(matches!(
                verify_cookie(&other, CLIENT_ADDRESS),
                CookieCheck::Unverified(_)
            ));
        }
    }
}

/// Of a hello with this cookie in its cookie's place, the shortest fragment that holds it.
fn first_fragment(hello: &[u8], cookie: &[u8]) -> Vec<u8> {
    let at = SESSION_ID + 1 + usize::from(hello[SESSION_ID]);
    let mut fragment = hello[..at].to_vec();
    fragment.push(cookie.len() as u8);
    fragment.extend(cookie);
    let length = fragment.len() - HEADERS;
    fragment[RECORD_LENGTH..][..2].copy_from_slice(&(length as u16 + 12).to_be_bytes());
    fragment[MESSAGE_LENGTH..][..3].copy_from_slice(&[0, 0x0f, 0xff]);
    fragment[FRAGMENT_LENGTH..][..3].copy_from_slice(&[0, 0, length as u8]);
    fragment
}

/// The hello that a client would send next; nothing where it would be too long.
fn with_cookie(hello: &[u8], cookie: &[u8]) -> Option<Vec<u8>> {
    let at = SESSION_ID + 1 + usize::from(hello[SESSION_ID]);
    let old = usize::from(hello[at]);
    let mut second = hello[..at].to_vec();
    second.push(u8::try_from(cookie.len()).ok()?);
    second.extend(cookie);
    second.extend(&hello[at + 1 + old..]);
    for (place, bytes) in [
        (RECORD_LENGTH, 2),
        (MESSAGE_LENGTH, 3),
        (FRAGMENT_LENGTH, 3),
    ] {
        let field = &mut second[place..place + bytes];
        let length = field
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let length = length + cookie.len() - old;
        if length > LONGEST {
            return None;
        }
        field.copy_from_slice(&length.to_be_bytes()[size_of::<usize>() - bytes..]);
    }
    Some(second)
}
