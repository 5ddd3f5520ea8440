//! The drop-in in exported games: scripts are renamed on their way into the game.
//!
//! An exported game has no project folder to lay copies over, and its scripts may be binary. So the
//! editor hands out the renamed text instead, while the project's own files stay as they are.

mod files;
mod reach;

pub(crate) use files::OpenSslDtlsExportFiles;
