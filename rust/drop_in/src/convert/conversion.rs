//! Which files a conversion changes, listed and written.

use std::path::Path;

use super::error::WriteError;
use super::write::{keep_one_path_of_each, write};
use crate::names::{Direction, Names};
use crate::plan::Autoload;
use crate::project::{Changed, Extent, rename};

/// The changes of a conversion.
#[derive(Debug)]
pub struct Conversion {
    direction: Direction,
    files: Vec<Changed>,
    unreadable: Vec<(String, &'static str)>,
}

impl Conversion {
    /// Reads the project in that folder. Changes nothing. `always` is as in [`rename`].
    pub fn of(root: &Path, autoloads: &[Autoload], direction: Direction, always: Names) -> Self {
        let renamed = rename(root, autoloads, direction, always, Extent::Everything);
        let mut files = renamed.changed;
        keep_one_path_of_each(&mut files);
        Self {
            direction,
            files,
            unreadable: renamed.unreadable,
        }
    }

    /// Whether no file changes.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The paths of the files that change, `res://…`.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// The changes as text for users: each file with its changed lines, before and after; then the files that cannot be
    /// changed, and why.
    pub fn listing(&self) -> Vec<String> {
        let mut listing = Vec::new();
        let mut lines = 0;
        for file in &self.files {
            listing.push(file.path.clone());
            // Renaming keeps line breaks.
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

    /// Writes all files, or none.
    pub fn write(&self) -> Result<(), WriteError> {
        write(&self.files)
    }
}

fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
