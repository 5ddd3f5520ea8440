//! How long handshakes take and how large their datagrams are.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::error::ConfigError;
use crate::config::policy::{FIRST_RETRANSMISSION, HANDSHAKE_LIMIT, MAX_DATAGRAM};

/// What the sessions of a context keep to while they shake hands.
///
/// ```
/// # use std::time::Duration;
/// # fn main() -> Result<(), dtls::ConfigError> {
/// let settings = dtls::Settings::default()
///     .first_retransmission(Duration::from_millis(400))?
///     .handshake_limit(Duration::from_secs(20))?
///     .max_datagram(1_400)?;
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub(crate) first_retransmission: Duration,
    pub(crate) handshake_limit: Duration,
    pub(crate) max_datagram: usize,
}

impl Default for Settings {
    /// 1 second, [`HANDSHAKE_LIMIT`] and [`MAX_DATAGRAM`].
    fn default() -> Self {
        Self {
            first_retransmission: FIRST_RETRANSMISSION,
            handshake_limit: HANDSHAKE_LIMIT,
            max_datagram: MAX_DATAGRAM,
        }
    }
}

impl Settings {
    /// What [`first_retransmission`](Self::first_retransmission) takes.
    pub const FIRST_RETRANSMISSION: RangeInclusive<Duration> =
        Duration::from_millis(50)..=Duration::from_secs(60);
    /// What [`handshake_limit`](Self::handshake_limit) takes.
    pub const HANDSHAKE_LIMIT: RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_secs(3600);
    /// What [`max_datagram`](Self::max_datagram) takes: no less than leaves room for more than headers, no more than
    /// crosses an Ethernet.
    pub const MAX_DATAGRAM: RangeInclusive<usize> = 256..=1500;

    /// How long a flight waits for an answer before it is sent again; twice as long each time after
    /// that (RFC 6347 section 4.2.4.1). Default: 1 second.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a value outside of [`Self::FIRST_RETRANSMISSION`].
    pub fn first_retransmission(self, wait: Duration) -> Result<Self, ConfigError> {
        within(&Self::FIRST_RETRANSMISSION, wait, "first retransmission")?;
        Ok(Self {
            first_retransmission: wait,
            ..self
        })
    }

    /// How long a handshake may take before its session is
    /// [`Status::Failed`](crate::Status::Failed). Default: [`HANDSHAKE_LIMIT`].
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a value outside of [`Self::HANDSHAKE_LIMIT`].
    pub fn handshake_limit(self, limit: Duration) -> Result<Self, ConfigError> {
        within(&Self::HANDSHAKE_LIMIT, limit, "limit of a handshake")?;
        Ok(Self {
            handshake_limit: limit,
            ..self
        })
    }

    /// The largest datagram of a handshake, in bytes of UDP payload: a link's MTU less 28 for IPv4
    /// or 48 for IPv6. Default: [`MAX_DATAGRAM`]. Where a first retransmission brings no answer, the handshake goes on with
    /// 548 bytes at most, from the second on (RFC 6347 section 4.1.1.1). A client's hello is not cut, since not every server takes fragments of
    /// one: it has some 200 bytes, and those of the server's name and cookie. Packets after the handshake are not cut
    /// either.
    ///
    /// # Errors
    /// [`ConfigError::OutOfRange`] for a value outside of [`Self::MAX_DATAGRAM`].
    pub fn max_datagram(self, bytes: usize) -> Result<Self, ConfigError> {
        within(&Self::MAX_DATAGRAM, bytes, "largest handshake datagram")?;
        Ok(Self {
            max_datagram: bytes,
            ..self
        })
    }

    /// What was given to [`first_retransmission`](Self::first_retransmission), or the default.
    pub fn current_first_retransmission(&self) -> Duration {
        self.first_retransmission
    }

    /// What was given to [`handshake_limit`](Self::handshake_limit), or the default.
    pub fn current_handshake_limit(&self) -> Duration {
        self.handshake_limit
    }

    /// What was given to [`max_datagram`](Self::max_datagram), or the default.
    pub fn current_max_datagram(&self) -> usize {
        self.max_datagram
    }
}

fn within<T: PartialOrd + std::fmt::Debug>(
    range: &RangeInclusive<T>,
    value: T,
    what: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        what,
        value: format!("{value:?}"),
        allowed: format!("{:?} to {:?}", range.start(), range.end()),
    })
}
