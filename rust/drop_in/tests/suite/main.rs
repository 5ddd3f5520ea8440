//! Renaming, seen from outside.

mod any_text;
mod declarations;
mod marked;
mod projects;
mod renaming;
mod scenes;
mod way_back;
