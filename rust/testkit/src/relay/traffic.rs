//! Counts of what happened to datagrams.

use crate::To;

/// What happened to the datagrams of one kind, of one client or of all, in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Arrived at the relay.
    pub arrived: u64,
    /// Were lost.
    pub lost: u64,
    /// Were passed on with one bit inverted.
    pub corrupted: u64,
    /// Were passed on twice.
    pub doubled: u64,
    /// Were delayed.
    pub delayed: u64,
}

impl Counts {
    /// Passed on unaltered, each counted once.
    pub fn passed(&self) -> u64 {
        self.arrived - self.lost - self.corrupted
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.lost += other.lost;
        self.corrupted += other.corrupted;
        self.doubled += other.doubled;
        self.delayed += other.delayed;
    }
}

/// Counts of both directions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// From clients.
    pub to_server: Counts,
    /// From the server.
    pub to_client: Counts,
}

impl Traffic {
    pub(super) fn towards(&mut self, to: To) -> &mut Counts {
        match to {
            To::Server => &mut self.to_server,
            To::Client => &mut self.to_client,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.to_server.add(&other.to_server);
        self.to_client.add(&other.to_client);
    }

    /// Both directions together.
    pub fn both(&self) -> Counts {
        let mut both = self.to_server;
        both.add(&self.to_client);
        both
    }
}
