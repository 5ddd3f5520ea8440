//! The files of a project on disk, and what renaming makes of them.

mod files;
mod links;
mod rename;
mod scan;

use std::fs;
use std::path::Path;

pub use files::for_each_file;
pub use links::endless_link;
pub use rename::{Changed, Renamed, Scripts, rename};
pub use scan::Extent;

/// Whether a folder holds a project. An exported game has no such folder.
pub fn is_project(folder: &Path) -> bool {
    ["project.godot", "project.binary"]
        .iter()
        .any(|name| folder.join(name).is_file())
}

/// Whether the project has C# scripts: the engine keeps their project file in the project's folder.
pub fn has_csharp(root: &Path) -> bool {
    fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|end| end == "csproj"))
}
