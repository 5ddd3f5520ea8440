//! The drop-in in exported games: scripts are renamed on their way into the game.
//!
//! An exported game has no project folder to lay copies over, and its scripts may be binary. So the
//! editor hands out the renamed text instead, while the project's own files stay as they are.
//!
//! The engine asks every export plugin for each file, in the order of their names, until one skips
//! or replaces it. [`ExportPlugins`] are the addon's, and [`run`] is what one export decides.

mod files;
mod finished;
mod library;
mod others;
mod reach;
mod run;

pub(crate) use files::ExportPlugins;
pub(crate) use run::has_failed;
