//! `cargo bench -p dtls --bench records`: sealing and opening one packet, through a session, through a bare libssl, and
//! with the cipher alone.

use std::cell::RefCell;

use divan::{Bencher, black_box};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use testkit::certificates::KeyKind;

use support::bare::{self, Contexts, Memory};
use support::{Simulation, datagram};

#[allow(unreachable_pub, dead_code, reason = "shared by several benches")]
mod support;

const SIZES: [usize; 3] = [64, 512, 1200];

fn main() {
    divan::main();
}

#[divan::bench_group]
mod seal {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn session(bencher: Bencher<'_, '_>, size: usize) {
        let (mut client, _server) = Simulation::new(KeyKind::P256).connect();
        let packet = vec![7; size];
        bencher.bench_local(|| {
            client.send(&packet).unwrap();
            client.drain_datagrams(|datagram| {
                black_box(datagram);
            });
        });
    }

    #[divan::bench(args = SIZES)]
    fn libssl(bencher: Bencher<'_, '_>, size: usize) {
        let (client, server) = Memory::pair();
        let (mut client, _server) = Contexts::new(KeyKind::P256).connect(client, server);
        let packet = vec![7; size];
        bencher.bench_local(|| {
            client.ssl_write(&packet).unwrap();
            client.get_mut().forget_outgoing();
        });
    }

    #[divan::bench(args = SIZES)]
    fn cipher(bencher: Bencher<'_, '_>, size: usize) {
        let mut seal = Aead::new();
        let packet = vec![7; size];
        let mut sealed = vec![0; size];
        bencher.bench_local(|| seal.seal(&packet, &mut sealed));
    }
}

#[divan::bench_group]
mod open {
    use super::*;

    #[divan::bench(args = SIZES)]
    fn session(bencher: Bencher<'_, '_>, size: usize) {
        let mut simulation = Simulation::new(KeyKind::P256);
        let (mut client, mut server) = simulation.connect();
        let packet = vec![7; size];
        bencher
            .with_inputs(|| {
                client.send(&packet).unwrap();
                datagram(&mut client)
            })
            .bench_local_refs(|datagram| {
                server.handle_datagram(datagram, simulation.now);
                assert_eq!(server.next_packet(<[u8]>::len), Some(size));
            });
    }

    #[divan::bench(args = SIZES)]
    fn libssl(bencher: Bencher<'_, '_>, size: usize) {
        let (client, server) = Memory::pair();
        let (mut client, mut server) = Contexts::new(KeyKind::P256).connect(client, server);
        let packet = vec![7; size];
        let mut into = vec![0; size];
        bencher
            .with_inputs(|| client.ssl_write(&packet).unwrap())
            .bench_local_refs(|_| {
                assert_eq!(bare::read(&mut server, &mut into), Some(size));
            });
    }

    #[divan::bench(args = SIZES)]
    fn cipher(bencher: Bencher<'_, '_>, size: usize) {
        let seal = RefCell::new(Aead::new());
        let mut open = Aead::new();
        let packet = vec![7; size];
        let mut into = vec![0; size];
        bencher
            .with_inputs(|| {
                let mut sealed = vec![0; size];
                let tag = seal.borrow_mut().seal(&packet, &mut sealed);
                (sealed, tag)
            })
            .bench_local_refs(|(sealed, tag)| open.open(sealed, tag, &mut into));
    }
}

/// AES-256-GCM as a record uses it, without records.
struct Aead {
    sealing: CipherCtx,
    opening: CipherCtx,
    sealed: u64,
    opened: u64,
}

impl Aead {
    fn new() -> Self {
        let (mut sealing, mut opening) = (CipherCtx::new().unwrap(), CipherCtx::new().unwrap());
        let (cipher, key) = (Some(Cipher::aes_256_gcm()), Some(&[7; 32][..]));
        sealing.encrypt_init(cipher, key, None).unwrap();
        opening.decrypt_init(cipher, key, None).unwrap();
        Self {
            sealing,
            opening,
            sealed: 0,
            opened: 0,
        }
    }

    fn seal(&mut self, plain: &[u8], into: &mut [u8]) -> [u8; 16] {
        self.sealed += 1;
        let (context, mut tag) = (&mut self.sealing, [0; 16]);
        let nonce = nonce(self.sealed);
        context.encrypt_init(None, None, Some(&nonce)).unwrap();
        context.cipher_update(&[0; 13], None).unwrap();
        context.cipher_update(plain, Some(into)).unwrap();
        context.cipher_final(&mut []).unwrap();
        context.tag(&mut tag).unwrap();
        tag
    }

    fn open(&mut self, sealed: &[u8], tag: &[u8; 16], into: &mut [u8]) {
        self.opened += 1;
        let context = &mut self.opening;
        let nonce = nonce(self.opened);
        context.decrypt_init(None, None, Some(&nonce)).unwrap();
        context.set_tag(tag).unwrap();
        context.cipher_update(&[0; 13], None).unwrap();
        context.cipher_update(sealed, Some(into)).unwrap();
        context.cipher_final(&mut []).unwrap();
    }
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}
