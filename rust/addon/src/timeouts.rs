//! The properties for time limits, and for how large the datagrams of a handshake are, in the units that scripts use.

use std::time::Duration;

use endpoint::Timeouts;

use crate::ffi::calls;
use crate::report::mistake;

/// The largest datagram of a handshake, in bytes.
pub(crate) fn max_datagram(timeouts: &Timeouts) -> i32 {
    timeouts.settings.current_max_datagram() as i32
}

/// Sets the largest datagram of a handshake, or prints after the script's call what is wrong with it. To be called
/// while nothing is locked.
pub(crate) fn set_max_datagram(
    class: &'static str,
    bytes: i32,
    mut timeouts: Timeouts,
    change: impl FnOnce(Timeouts),
) {
    let size = usize::try_from(bytes).unwrap_or(0);
    match timeouts.settings.max_datagram(size) {
        Ok(settings) => {
            timeouts.settings = settings;
            change(timeouts);
        }
        Err(why) => calls::after(move || mistake(&format!("{class}.max_datagram"), why)),
    }
}

fn duration(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("it takes a number of seconds from 0 on, and not {seconds}"))
}

/// One of the three time limits.
#[derive(Clone, Copy)]
pub(crate) enum Timeout {
    Handshake,
    Retransmission,
    Idle,
}

impl Timeout {
    fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake_timeout",
            Self::Retransmission => "retransmission_timeout",
            Self::Idle => "idle_timeout",
        }
    }

    /// In seconds.
    pub(crate) fn of(self, timeouts: &Timeouts) -> f64 {
        match self {
            Self::Handshake => timeouts.settings.current_handshake_limit(),
            Self::Retransmission => timeouts.settings.current_first_retransmission(),
            Self::Idle => timeouts.idle,
        }
        .as_secs_f64()
    }

    fn with(self, mut timeouts: Timeouts, seconds: f64) -> Result<Timeouts, String> {
        let limit = duration(seconds)?;
        let settings = timeouts.settings;
        match self {
            Self::Handshake => timeouts.settings = in_words(settings.handshake_limit(limit))?,
            Self::Retransmission => {
                timeouts.settings = in_words(settings.first_retransmission(limit))?;
            }
            Self::Idle => timeouts.idle = limit,
        }
        Ok(timeouts)
    }

    /// Sets it to a number of seconds, or prints after the script's call what is wrong with them. To be called while
    /// nothing is locked.
    pub(crate) fn set(
        self,
        class: &'static str,
        seconds: f64,
        timeouts: Timeouts,
        change: impl FnOnce(Timeouts),
    ) {
        match self.with(timeouts, seconds) {
            Ok(timeouts) => change(timeouts),
            Err(why) => {
                let name = self.name();
                calls::after(move || mistake(&format!("{class}.{name}"), why));
            }
        }
    }
}

fn in_words(settings: Result<dtls::Settings, dtls::ConfigError>) -> Result<dtls::Settings, String> {
    settings.map_err(|error| error.to_string())
}
