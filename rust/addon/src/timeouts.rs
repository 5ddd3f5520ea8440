//! The properties for time limits, and for how large the datagrams of a handshake are, in the units that scripts use.

use std::time::Duration;

use endpoint::Timeouts;

use crate::ffi::calls;
use crate::report::mistake;

/// The state of a class with these properties.
pub(crate) trait WithTimeouts {
    /// As messages name the class.
    const CLASS: &'static str;

    fn timeouts(&self) -> Timeouts;

    fn set_timeouts(&self, timeouts: Timeouts);
}

impl WithTimeouts for endpoint::SharedConnection {
    const CLASS: &'static str = "PacketPeerDTLS";

    fn timeouts(&self) -> Timeouts {
        self.timeouts()
    }

    fn set_timeouts(&self, timeouts: Timeouts) {
        self.set_timeouts(timeouts);
    }
}

/// The largest datagram of a handshake, in bytes.
pub(crate) fn max_datagram(state: &impl WithTimeouts) -> i32 {
    state.timeouts().settings.current_max_datagram() as i32
}

/// Sets the largest datagram of a handshake, or prints after the script's call what is wrong with it. To be called
/// while nothing is locked.
pub(crate) fn set_max_datagram<S: WithTimeouts>(state: &S, bytes: i32) {
    let mut timeouts = state.timeouts();
    let size = usize::try_from(bytes).unwrap_or(0);
    match timeouts.settings.max_datagram(size) {
        Ok(settings) => {
            timeouts.settings = settings;
            state.set_timeouts(timeouts);
        }
        Err(why) => print_after_call::<S>("max_datagram", why),
    }
}

fn print_after_call<S: WithTimeouts>(
    property: &'static str,
    why: impl std::fmt::Display + 'static,
) {
    calls::after(move || mistake(&format!("{}.{property}", S::CLASS), why));
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
    pub(crate) fn get(self, state: &impl WithTimeouts) -> f64 {
        let timeouts = state.timeouts();
        match self {
            Self::Handshake => timeouts.settings.current_handshake_limit(),
            Self::Retransmission => timeouts.settings.current_first_retransmission(),
            Self::Idle => timeouts.idle,
        }
        .as_secs_f64()
    }

    /// Sets it to a number of seconds, or prints after the script's call what is wrong with them. To be called while
    /// nothing is locked.
    pub(crate) fn set<S: WithTimeouts>(self, state: &S, seconds: f64) {
        match self.with(state.timeouts(), seconds) {
            Ok(timeouts) => state.set_timeouts(timeouts),
            Err(why) => print_after_call::<S>(self.name(), why),
        }
    }

    fn with(self, mut timeouts: Timeouts, seconds: f64) -> Result<Timeouts, String> {
        let limit = Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("it takes a number of seconds from 0 on, and not {seconds}"))?;
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
}

fn in_words(settings: Result<dtls::Settings, dtls::ConfigError>) -> Result<dtls::Settings, String> {
    settings.map_err(|error| error.to_string())
}
