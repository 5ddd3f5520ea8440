//! The converter: the addon's names are written into the project's own scripts, or the engine's names back.
//!
//! A project that was converted needs no overlay when it runs, so `res://` stays the folder that it is.

mod menu;
mod write;

use std::path::Path;

use drop_in::Direction;
use godot::builtin::GString;
use godot::classes::Os;
use godot::obj::Singleton;

use crate::drop_in::project::{self, Changed, Extent};

pub(crate) use menu::ConvertMenu;

/// Whether this process was started to convert its project from the command line. Autoloads run then as in every start.
pub(crate) fn is_running() -> bool {
    let arguments = Os::singleton().get_cmdline_args();
    let is_script = |argument: &GString| {
        argument
            .to_string()
            .ends_with("addons/openssl_dtls/convert.gd")
    };
    arguments.as_slice().iter().any(is_script)
}

/// The changes of a conversion, before they are written.
pub(crate) struct Conversion {
    direction: Direction,
    files: Vec<Changed>,
    unreadable: Vec<(String, &'static str)>,
}

impl Conversion {
    /// Reads the project in that folder and changes nothing.
    pub(crate) fn of(root: &Path, direction: Direction) -> Self {
        let renamed = project::renamed(root, direction, Extent::Everything);
        let mut files = renamed.changed;
        write::keep_one_path_of_each(&mut files);
        Self {
            direction,
            files,
            unreadable: renamed.unreadable,
        }
    }

    /// Whether there is nothing to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The paths of the files that change, `res://…`.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// What changes, for people: each file, and each line of it that changes, before and after; then the files that
    /// cannot be changed, and why.
    pub(crate) fn listing(&self) -> Vec<String> {
        let mut listing = Vec::new();
        let mut lines = 0;
        for file in &self.files {
            listing.push(file.path.clone());
            // Names do not hold line breaks, so lines stay lines.
            for (number, (before, after)) in file.before.lines().zip(file.text.lines()).enumerate()
            {
                if before != after {
                    lines += 1;
                    listing.push(format!("  {}: - {}", number + 1, before.trim()));
                    listing.push(format!("  {}: + {}", number + 1, after.trim()));
                }
            }
        }
        for (path, why) in &self.unreadable {
            listing.push(format!("{path} is left as it is: {why}"));
        }
        let names = match self.direction {
            Direction::ToAddon => "engine's",
            Direction::ToEngine => "addon's",
        };
        listing.push(if self.files.is_empty() {
            format!("No script to be converted uses the {names} DTLS classes.")
        } else {
            let files = counted(self.files.len(), "file");
            format!("Lines to be changed: {lines} in {files}.")
        });
        listing
    }

    /// Writes the changes: all files, or none and the reason.
    pub(crate) fn write(&self) -> Result<(), String> {
        write::all(&self.files)
    }
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
