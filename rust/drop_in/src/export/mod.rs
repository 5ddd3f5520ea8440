//! The drop-in in exports: scripts are renamed on their way into the game.
//!
//! An exported game has no project folder, and its scripts may be binary. So the addon's export plugins give the engine
//! the renamed texts, and the project's files stay as they are. The engine asks each export plugin for each file, in
//! the order of their names, until one skips or replaces the file; see [`Place`].

mod editor;
mod exports;
mod finished;
mod library;
mod network;
mod other_plugins;
mod pck;
mod place;
mod preset;
mod run;
mod tokens;

pub use editor::{Editor, ReadZip};
pub use exports::Exports;
pub use library::{Lacking, lacking};
pub use network::network_denied;
pub use other_plugins::OtherPlugin;
pub use place::Place;
pub use preset::{Preset, Reach, Selection, reach};
pub use run::{Begun, Export, Finish, Message, Run, begin};
