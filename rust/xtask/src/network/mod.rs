//! Real sockets and Godot processes over bad networks: what the scenarios and programs for that share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use testkit::SeededRng;

pub(crate) mod client;
pub(crate) mod garbage;
pub(crate) mod godot;
pub(crate) mod packet;
pub(crate) mod players;
pub(crate) mod ports;
pub(crate) mod records;
mod trace;

pub(crate) use trace::trace;

/// The environment variable that has a run repeat another's choices.
const SEED_VARIABLE: &str = "OPENSSL_DTLS_SEED";

/// Runs `body` with a seed: the one in `OPENSSL_DTLS_SEED`, else another each time. A failure names it.
///
/// What is drawn from a seed is the same each time. The times are the system's, so that runs with the same seed are alike
/// but not equal.
pub(crate) fn with_seed(body: impl FnOnce(u64) -> Result<()>) -> Result<()> {
    let seed = match std::env::var(SEED_VARIABLE) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{SEED_VARIABLE} is no number: {text}"))?,
        Err(_) => fresh_seed(),
    };
    body(seed).with_context(|| format!("with the seed {seed} ({SEED_VARIABLE}={seed} repeats it)"))
}

/// A different number each time.
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = since.unwrap_or(Duration::ZERO).as_nanos() as u64;
    // Short enough to be typed again.
    SeededRng::new(nanoseconds).below(1_000_000_000)
}

/// The memory that a program has in use, in bytes: its resident set; `None` where the system does not report it.
#[cfg(target_os = "linux")]
pub(crate) fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The memory that a program has in use, in bytes; nothing where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn memory(_: u32) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_seed() {
        let error = with_seed(|_| anyhow::bail!("too bad")).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("OPENSSL_DTLS_SEED="), "{text}");
        assert!(text.ends_with("too bad"), "{text}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_programs_memory_is_read() {
        assert!(memory(std::process::id()).unwrap() > 100_000);
    }
}
