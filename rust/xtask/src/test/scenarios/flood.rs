//! The short form of `cargo xtask flood`.

use anyhow::Result;

use super::Context;
use crate::flood::{Plan, flood};
use crate::network::with_seed;

/// Some ten seconds of first hellos without cookies.
pub(crate) fn short(context: &Context) -> Result<()> {
    with_seed(|seed| flood(context, &Plan::short(seed)))
}
