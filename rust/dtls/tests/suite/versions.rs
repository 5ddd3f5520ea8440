//! Which version of DTLS is agreed on with clients that offer more.

use dtls::{CookieCheck, Session};

use crate::simulation::{self, CLIENT_ADDRESS, server_context};

const RECORD: usize = 13;
const MESSAGE: usize = 12;
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];
/// `supported_versions` (RFC 8446 section 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

fn drained(session: &mut Session) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    session.drain_datagrams(|datagram| datagrams.push(datagram.to_vec()));
    datagrams
}

/// Adds a number to a length of so many bytes.
fn lengthen(length: &mut [u8], by: usize) {
    let before = length
        .iter()
        .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    let after = (before + by).to_be_bytes();
    length.copy_from_slice(&after[after.len() - length.len()..]);
}

/// A hello as of a client that has DTLS 1.3 (RFC 9147 section 5.3) and prefers it.
fn with_dtls_1_3(mut hello: Vec<u8>) -> Vec<u8> {
    let extension = [0, 43, 0, 5, 4, 0xfe, 0xfc, 0xfe, 0xfd];
    let body = RECORD + MESSAGE;
    let session_id = body + 2 + 32;
    let cookie = session_id + 1 + usize::from(hello[session_id]);
    let suites = cookie + 1 + usize::from(hello[cookie]);
    let compression =
        suites + 2 + usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let extensions = compression + 1 + usize::from(hello[compression]);
    for length in [
        11..13,
        RECORD + 1..RECORD + 4,
        RECORD + 9..RECORD + 12,
        extensions..extensions + 2,
    ] {
        lengthen(&mut hello[length], extension.len());
    }
    hello.extend(extension);
    hello
}

#[test]
fn a_client_that_has_dtls_1_3_as_well_gets_1_2() {
    let mut simulation = simulation::start();
    let now = simulation.now();
    let first = with_dtls_1_3(drained(&mut simulation.client).remove(0));
    let CookieCheck::Unverified(request) = simulation
        .server
        .jar
        .verify_cookie(&first, CLIENT_ADDRESS, now)
        .unwrap()
    else {
        panic!("a first hello has no cookie");
    };
    let request = request.as_bytes().to_vec();
    simulation.client.handle_datagram(&request, now);
    let second = with_dtls_1_3(drained(&mut simulation.client).remove(0));
    let check = simulation
        .server
        .jar
        .verify_cookie(&second, CLIENT_ADDRESS, now);
    assert_eq!(check, Ok(CookieCheck::Verified));

    let mut server = Session::accept(&server_context(), &second, now).unwrap();
    let flight = drained(&mut server);
    let hello = &flight[0][RECORD + MESSAGE..];
    assert_eq!(flight[0][RECORD], 2, "a ServerHello");
    assert_eq!(hello[..2], DTLS_1_2);
    let session_id = usize::from(hello[2 + 32]);
    // Behind the cipher suite and the compression method; extensions are lists of a type, a length and so many bytes.
    let mut extensions = &hello[2 + 32 + 1 + session_id + 3..];
    let length = usize::from(u16::from_be_bytes([extensions[0], extensions[1]]));
    extensions = &extensions[2..2 + length];
    while let [first, second, high, low, rest @ ..] = extensions {
        assert_ne!(u16::from_be_bytes([*first, *second]), SUPPORTED_VERSIONS);
        extensions = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
}
