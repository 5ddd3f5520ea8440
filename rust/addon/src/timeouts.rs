//! How long a DTLS peer waits: for answers, for a handshake, for anything at all.

use std::time::Duration;

/// What a peer keeps to, and what a server gives to its peers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Timeouts {
    pub(crate) handshake: dtls::Settings,
    /// How long a connected peer may be silent; `None` is for ever.
    pub(crate) idle: Option<Duration>,
}

impl Timeouts {
    /// Takes a limit for the whole handshake, in seconds; an error says what is wrong with it.
    pub(crate) fn set_handshake(&mut self, seconds: f64) -> Result<(), String> {
        self.set(seconds, dtls::Settings::handshake_limit)
    }

    /// Takes the first wait for an answer, in seconds.
    pub(crate) fn set_retransmission(&mut self, seconds: f64) -> Result<(), String> {
        self.set(seconds, dtls::Settings::first_retransmission)
    }

    fn set(
        &mut self,
        seconds: f64,
        setting: impl FnOnce(dtls::Settings, Duration) -> Result<dtls::Settings, dtls::ConfigError>,
    ) -> Result<(), String> {
        self.handshake =
            setting(self.handshake, duration(seconds)?).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Takes how long a connected peer may be silent, in seconds; 0 is for ever.
    pub(crate) fn set_idle(&mut self, seconds: f64) -> Result<(), String> {
        self.idle = Some(duration(seconds)?).filter(|idle| !idle.is_zero());
        Ok(())
    }

    pub(crate) fn idle_seconds(&self) -> f64 {
        self.idle.unwrap_or_default().as_secs_f64()
    }
}

fn duration(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("{seconds} is no number of seconds from 0 on"))
}

/// The three properties of a class whose objects keep [`Timeouts`], by way of
/// `fn timeouts<R>(&self, body: impl FnOnce(&mut Timeouts) -> R) -> R`.
macro_rules! accessors {
    ($class:ty, $name:literal) => {
        #[godot_api(secondary)]
        impl $class {
            /// Sets [member handshake_timeout].
            #[func]
            fn set_handshake_timeout(&self, seconds: f64) {
                let result = self.timeouts(|timeouts| timeouts.set_handshake(seconds));
                $crate::timeouts::complain(concat!($name, ".handshake_timeout"), result);
            }

            /// Returns [member handshake_timeout].
            #[func]
            fn get_handshake_timeout(&self) -> f64 {
                self.timeouts(|timeouts| timeouts.handshake.limit().as_secs_f64())
            }

            /// Sets [member retransmission_timeout].
            #[func]
            fn set_retransmission_timeout(&self, seconds: f64) {
                let result = self.timeouts(|timeouts| timeouts.set_retransmission(seconds));
                $crate::timeouts::complain(concat!($name, ".retransmission_timeout"), result);
            }

            /// Returns [member retransmission_timeout].
            #[func]
            fn get_retransmission_timeout(&self) -> f64 {
                self.timeouts(|timeouts| timeouts.handshake.retransmission().as_secs_f64())
            }

            /// Sets [member idle_timeout].
            #[func]
            fn set_idle_timeout(&self, seconds: f64) {
                let result = self.timeouts(|timeouts| timeouts.set_idle(seconds));
                $crate::timeouts::complain(concat!($name, ".idle_timeout"), result);
            }

            /// Returns [member idle_timeout].
            #[func]
            fn get_idle_timeout(&self) -> f64 {
                self.timeouts(|timeouts| timeouts.idle_seconds())
            }
        }
    };
}

pub(crate) use accessors;

/// Prints what is wrong with a value, if anything.
pub(crate) fn complain(what: &str, result: Result<(), String>) {
    if let Err(why) = result {
        crate::report::mistake(what, why);
    }
}
