//! Renames the engine's DTLS and UDP classes to this addon's in the text of GDScript.
//!
//! Text in, text out: no files, no Godot. [`Script`] reads one script, [`scene::Scene`] the scripts built into a
//! `.tscn` or `.tres` file, and [`plan`] decides for a whole project which names each script keeps because something
//! else already bears them. Only identifiers change; every other byte stays, so lines stay lines.
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
