//! Renames the engine's DTLS, UDP and ENet classes to this addon's in GDScript. Needs no Godot.
//!
//! - Texts: [`Script`] parses one script, [`scene::Scene`] the scripts built into a `.tscn` or `.tres` file, and
//!   [`plan()`] decides which names each script of a project keeps because the project uses them for something else.
//!   Only identifiers change, so line numbers stay the same.
//! - Files: [`project`] reads a project's files, and [`convert`] writes the renamed texts into them.
//! - The engine: [`overlay`] loads renamed copies over a running project, and [`export`] decides what an exported game
//!   gets. Traits stand for the engine.
//!
//! The crate prints nothing. It returns texts for users, and logs what it does with the target `drop_in`.
//!
//! ```
//! use drop_in::{Names, Script};
//!
//! let script = Script::scan("var dtls := DTLSServer.new() # a DTLSServer\n");
//! assert_eq!(script.renamed(Names::NONE), "var dtls := OpenSSLDTLSServer.new() # a DTLSServer\n");
//! ```

pub mod convert;
mod dir_access;
pub mod export;
mod gdscript;
mod mentions;
mod names;
pub mod overlay;
mod plan;
pub mod project;
pub mod scene;
mod script;

pub use dir_access::changes_project_folders;
pub use mentions::{mentions_any, mentions_dtls, mentions_toward, renamed_bytes};
pub use names::{Direction, Names, RENAMES};
pub use plan::{Autoload, Plan, Source, plan};
pub use script::{Extends, Script};
