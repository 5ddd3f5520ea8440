//! The short form of `cargo xtask soak`.

use anyhow::Result;

use super::Context;
use crate::network::with_seed;
use crate::soak::{Plan, soak};

/// Two minutes of 200 clients that come, talk, go and crash.
pub(crate) fn two_minutes(context: &Context) -> Result<()> {
    with_seed(|seed| soak(&context.godot, &Plan::short(seed)))
}
