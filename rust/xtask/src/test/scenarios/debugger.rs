//! The editor's side of Godot's debugger: sends messages to a game and ignores the game's.
//!
//! A message is a length of four bytes and an array of the message, the thread's number and the data, all as
//! the engine's `var_to_bytes()` writes them (core/io/marshalls.cpp in the engine's source).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result};

/// The thread that runs the scene.
const MAIN_THREAD: i64 = 1;

/// Listens for a game's connection.
pub(super) struct Debugger {
    listener: TcpListener,
}

impl Debugger {
    pub(super) fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Ok(Self { listener })
    }

    /// Adds the arguments that make a game connect to it.
    pub(super) fn attach_to(&self, game: &mut Command) -> Result<()> {
        let port = self.listener.local_addr()?.port();
        game.args(["--remote-debug", &format!("tcp://127.0.0.1:{port}")]);
        Ok(())
    }

    /// Accepts the game's connection. What the game sends is discarded.
    pub(super) fn accept(&self) -> Result<Connection> {
        let (stream, _) = self.listener.accept().context("the game did not connect")?;
        let mut incoming = stream.try_clone()?;
        thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while incoming.read(&mut buffer).is_ok_and(|length| length > 0) {}
        });
        Ok(Connection { stream })
    }
}

/// The connection to a game.
pub(super) struct Connection {
    stream: TcpStream,
}

impl Connection {
    /// Sends a message with strings as data.
    pub(super) fn send(&mut self, message: &str, data: &[&str]) -> Result<()> {
        let mut bytes = Vec::new();
        array(&mut bytes, 3);
        string(&mut bytes, message);
        integer(&mut bytes, MAIN_THREAD);
        array(&mut bytes, data.len());
        for text in data {
            string(&mut bytes, text);
        }
        let length = u32::try_from(bytes.len())?;
        bytes.splice(..0, length.to_le_bytes());
        self.stream.write_all(&bytes)?;
        Ok(())
    }
}

fn array(bytes: &mut Vec<u8>, length: usize) {
    word(bytes, 28);
    word(bytes, length);
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    word(bytes, 4);
    word(bytes, text.len());
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn integer(bytes: &mut Vec<u8>, number: i64) {
    // The flag stands for 64 bits.
    word(bytes, 2 | 1 << 16);
    bytes.extend(number.to_le_bytes());
}

fn word(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend(u32::try_from(number).unwrap_or(0).to_le_bytes());
}
