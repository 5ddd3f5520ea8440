//! The engine's part in an overlay.

use std::path::{Path, PathBuf};

use drop_in::Autoload;
use godot::classes::{Engine, PckPacker, ProjectSettings};
use godot::global::Error;
use godot::obj::{NewGd, Singleton};

use crate::drop_in::project;

/// The running engine.
pub(super) struct GodotEngine;

impl drop_in::overlay::Engine for GodotEngine {
    fn version(&self) -> String {
        let version = Engine::singleton().get_version_info().get("string");
        version.map_or_else(String::new, |version| version.to_string())
    }

    fn autoloads(&self) -> Vec<Autoload> {
        project::autoloads()
    }

    fn write_pack(&self, pack: &Path, files: &[(&str, PathBuf)]) -> Result<(), String> {
        let check = |code: Error| match code {
            Error::OK => Ok(()),
            code => Err(format!("{code:?}")),
        };
        let mut packer = PckPacker::new_gd();
        check(packer.pck_start(&*pack.to_string_lossy()))?;
        for (path, on_disk) in files {
            check(packer.add_file(*path, &*on_disk.to_string_lossy()))?;
        }
        check(packer.flush())
    }

    fn load_pack(&self, pack: &Path) -> bool {
        ProjectSettings::singleton().load_resource_pack(&*pack.to_string_lossy())
    }
}
