//! The settings of a soak.

use std::time::Duration;

/// How long and how strict a soak is.
pub(crate) struct Plan {
    /// How many clients there are at a time, connected or about to be.
    pub(crate) clients: usize,
    /// How long they connect and end.
    pub(crate) length: Duration,
    /// After this time the server's memory is taken for what it needs.
    pub(crate) warm_up: Duration,
    /// For how long memory is averaged, after the warm-up and before the end.
    pub(crate) window: Duration,
    /// By which share memory may have grown from then to the end.
    pub(crate) growth: f64,
    /// Decides what clients do, and what the link does.
    pub(crate) seed: u64,
}

impl Plan {
    /// A soak of so many minutes; the whole bound, 2 % of what was in use after ten minutes, needs an hour.
    pub(super) fn minutes(minutes: u64, seed: u64) -> Self {
        let length = Duration::from_secs(60 * minutes);
        Self {
            clients: 200,
            length,
            warm_up: (length / 3).min(Duration::from_secs(600)),
            window: (length / 6).min(Duration::from_secs(120)),
            growth: 0.02,
            seed,
        }
    }

    /// The form that the test suite runs.
    pub(crate) fn short(seed: u64) -> Self {
        Self {
            growth: 0.05,
            ..Self::minutes(2, seed)
        }
    }
}
