//! Tests that need both sessions and what is private to them.

mod answers_and_limits;
#[cfg(target_os = "linux")]
mod keys_in_memory;
