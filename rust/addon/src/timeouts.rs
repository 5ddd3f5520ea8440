//! How long a DTLS peer waits: for answers, for a handshake, for anything at all; and how large the datagrams of a
//! handshake are.

use std::time::Duration;

use crate::calls;
use crate::report::mistake;

/// What a peer keeps to, and what a server gives to its peers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Timeouts {
    /// How long a handshake may take, and how long its flights wait for an answer.
    pub(crate) settings: dtls::Settings,
    /// How long a connected peer may be silent; zero is for ever.
    pub(crate) idle: Duration,
}

impl Timeouts {
    fn set_handshake(&mut self, seconds: f64) -> Result<(), String> {
        let limit = duration(seconds)?;
        self.settings = self.settings.handshake_limit(limit).map_err(in_words)?;
        Ok(())
    }

    fn set_retransmission(&mut self, seconds: f64) -> Result<(), String> {
        let wait = duration(seconds)?;
        self.settings = self.settings.first_retransmission(wait).map_err(in_words)?;
        Ok(())
    }

    fn set_max_datagram(&mut self, bytes: i32) -> Result<(), String> {
        let bytes = usize::try_from(bytes).unwrap_or(0);
        self.settings = self.settings.max_datagram(bytes).map_err(in_words)?;
        Ok(())
    }

    /// The largest datagram of a handshake, in bytes.
    pub(crate) fn max_datagram(&self) -> i32 {
        self.settings.current_max_datagram() as i32
    }

    fn set_idle(&mut self, seconds: f64) -> Result<(), String> {
        self.idle = duration(seconds)?;
        Ok(())
    }
}

/// Takes the largest datagram of a handshake, or prints after the script's call what is wrong with it. To be called
/// while nothing is locked.
pub(crate) fn set_max_datagram(
    class: &'static str,
    bytes: i32,
    now: Timeouts,
    change: impl FnOnce(Timeouts),
) {
    let mut timeouts = now;
    match timeouts.set_max_datagram(bytes) {
        Ok(()) => change(timeouts),
        Err(why) => calls::after(move || mistake(&format!("{class}.max_datagram"), why)),
    }
}

fn in_words(error: dtls::ConfigError) -> String {
    error.to_string()
}

fn duration(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("it takes a number of seconds from 0 on, and not {seconds}"))
}

/// One of the three.
#[derive(Clone, Copy)]
pub(crate) enum Timeout {
    Handshake,
    Retransmission,
    Idle,
}

impl Timeout {
    /// In seconds.
    pub(crate) fn of(self, timeouts: &Timeouts) -> f64 {
        match self {
            Self::Handshake => timeouts.settings.current_handshake_limit(),
            Self::Retransmission => timeouts.settings.current_first_retransmission(),
            Self::Idle => timeouts.idle,
        }
        .as_secs_f64()
    }

    /// Takes seconds, or says after the script's call what is wrong with them. To be called while
    /// nothing is locked.
    pub(crate) fn set(
        self,
        class: &'static str,
        seconds: f64,
        now: Timeouts,
        change: impl FnOnce(Timeouts),
    ) {
        let mut timeouts = now;
        let (name, set) = match self {
            Self::Handshake => ("handshake_timeout", timeouts.set_handshake(seconds)),
            Self::Retransmission => (
                "retransmission_timeout",
                timeouts.set_retransmission(seconds),
            ),
            Self::Idle => ("idle_timeout", timeouts.set_idle(seconds)),
        };
        match set {
            Ok(()) => change(timeouts),
            Err(why) => calls::after(move || mistake(&format!("{class}.{name}"), why)),
        }
    }
}
