//! How long a connection waits.

use std::time::Duration;

use dtls::ConfigError;

/// The time limits of a connection. A server's connections get the server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a handshake may take, how long its flights wait for an answer, and how large its datagrams are.
    pub settings: dtls::Settings,
    /// How long a connected peer may be silent, counting what it alone can have sealed; zero is for ever.
    pub idle: Duration,
    /// How long a client goes on where nobody listens, after the first refusal; a second at the least.
    pub without_listener: Duration,
}

/// Why a time limit was not set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TimeoutError {
    /// It is negative, not a number, or more than a [`Duration`] holds.
    #[error("it takes a number of seconds from 0 on, and not {0}")]
    NotSeconds(f64),
    /// [`ConfigError::OutOfRange`].
    #[error(transparent)]
    OutOfRange(#[from] ConfigError),
}

impl Timeouts {
    /// With another [`dtls::Settings::handshake_limit`], in seconds.
    ///
    /// # Errors
    /// [`TimeoutError`].
    pub fn with_handshake(self, seconds: f64) -> Result<Self, TimeoutError> {
        let settings = self.settings.handshake_limit(duration(seconds)?)?;
        Ok(Self { settings, ..self })
    }

    /// With another [`dtls::Settings::first_retransmission`], in seconds.
    ///
    /// # Errors
    /// [`TimeoutError`].
    pub fn with_retransmission(self, seconds: f64) -> Result<Self, TimeoutError> {
        let settings = self.settings.first_retransmission(duration(seconds)?)?;
        Ok(Self { settings, ..self })
    }

    /// With another [`idle`](Self::idle), in seconds.
    ///
    /// # Errors
    /// [`TimeoutError::NotSeconds`].
    pub fn with_idle(self, seconds: f64) -> Result<Self, TimeoutError> {
        let idle = duration(seconds)?;
        Ok(Self { idle, ..self })
    }

    /// With another [`dtls::Settings::max_datagram`], in bytes.
    ///
    /// # Errors
    /// [`TimeoutError::OutOfRange`].
    pub fn with_max_datagram(self, bytes: usize) -> Result<Self, TimeoutError> {
        let settings = self.settings.max_datagram(bytes)?;
        Ok(Self { settings, ..self })
    }
}

fn duration(seconds: f64) -> Result<Duration, TimeoutError> {
    Duration::try_from_secs_f64(seconds).map_err(|_| TimeoutError::NotSeconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_alone_and_keeps_to_its_range() {
        let default = Timeouts::default();
        let set = default
            .with_handshake(20.0)
            .and_then(|it| it.with_retransmission(0.25))
            .and_then(|it| it.with_idle(30.0))
            .and_then(|it| it.with_max_datagram(600))
            .unwrap();
        let settings = set.settings;
        assert_eq!(settings.current_handshake_limit(), Duration::from_secs(20));
        let wait = settings.current_first_retransmission();
        assert_eq!(wait, Duration::from_millis(250));
        assert_eq!(set.idle, Duration::from_secs(30));
        assert_eq!(settings.current_max_datagram(), 600);
        let out_of_range = |result| matches!(result, Err(TimeoutError::OutOfRange(_)));
        assert!(out_of_range(default.with_handshake(0.5)));
        assert!(out_of_range(default.with_retransmission(61.0)));
        assert!(out_of_range(default.with_max_datagram(0)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let default = Timeouts::default();
        for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            for result in [
                default.with_handshake(seconds),
                default.with_retransmission(seconds),
                default.with_idle(seconds),
            ] {
                let line = result.unwrap_err().to_string();
                assert!(line.starts_with("it takes a number of seconds"), "{line}");
            }
        }
    }
}
