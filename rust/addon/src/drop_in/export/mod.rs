//! The drop-in in exports: the engine's part.

mod engine;
mod other_plugins;
mod plugin;
mod run;

pub(crate) use plugin::plugins;
pub(crate) use run::has_failed;
