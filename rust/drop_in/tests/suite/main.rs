//! Tests of the crate's public functions.

mod any_text;
mod converting;
mod declarations;
mod exporting;
mod folder;
mod marked;
mod overlay;
mod presets;
mod project_files;
mod projects;
mod renaming;
mod scenes;
mod way_back;
