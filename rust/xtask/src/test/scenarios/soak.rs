//! The short forms of `cargo xtask soak`.

use anyhow::Result;

use super::Context;
use crate::network::with_seed;
use crate::soak::{Plan, multiplayer, soak};

/// Two minutes of 200 clients that come, talk, go and crash.
pub(crate) fn two_minutes(context: &Context) -> Result<()> {
    with_seed(|seed| soak(&context.godot, &Plan::short(seed)))
}

/// Half a minute of 20 players of the multiplayer API.
pub(crate) fn players(context: &Context) -> Result<()> {
    with_seed(|seed| multiplayer::soak(&context.godot, &multiplayer::short(seed)))
}
