//! The memory of a soak's server.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::plan::Plan;

/// The server's memory, in bytes, second by second.
pub(super) struct Memory(pub(super) Vec<(Duration, u64)>);

impl Memory {
    fn mean(&self, from: Duration, to: Duration) -> Result<f64> {
        let within: Vec<u64> = self
            .0
            .iter()
            .filter(|(at, _)| (from..=to).contains(at))
            .map(|(_, bytes)| *bytes)
            .collect();
        ensure!(!within.is_empty(), "the memory was not measured in time");
        Ok(within.iter().sum::<u64>() as f64 / within.len() as f64)
    }

    pub(super) fn check(&self, plan: &Plan) -> Result<()> {
        let before = self.mean(plan.warm_up, plan.warm_up + plan.window)?;
        let after = self.mean(plan.length - plan.window, plan.length)?;
        let growth = after / before - 1.0;
        println!(
            "memory: {:.2} MB after the warm-up, {:.2} MB at the end: {:+.2} %",
            before / 1e6,
            after / 1e6,
            100.0 * growth
        );
        ensure!(
            growth <= plan.growth,
            "the server's memory has grown by {:.2} %",
            100.0 * growth
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grown_memory_is_reported() {
        let plan = Plan::short(0);
        let flat = Memory((0..120).map(|s| (Duration::from_secs(s), 1_000)).collect());
        flat.check(&plan).unwrap();
        let grown = Memory(
            (0..120)
                .map(|s| (Duration::from_secs(s), 1_000 + s))
                .collect(),
        );
        assert!(grown.check(&plan).is_err());
    }
}
