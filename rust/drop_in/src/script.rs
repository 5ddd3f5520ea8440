//! One script, scanned once: what it uses, what it declares, and its text renamed.

use std::borrow::Cow;
use std::ops::Range;

use crate::gdscript::facts::Facts;
use crate::gdscript::parser;
use crate::names::{Direction, Names};

/// A GDScript file, or the text of one that is built into a scene.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    text: Cow<'a, str>,
    direction: Direction,
    facts: Facts,
}

/// What a class of a script extends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extends<'s> {
    /// The path in quotes, as written, of `extends "res://base.gd"`.
    pub path: Option<&'s str>,
    /// The identifiers of `extends Base.Inner`, or those that follow the path.
    pub names: Vec<&'s str>,
}

impl<'a> Script<'a> {
    /// Parses a script, in linear time and memory. Scripts with errors are parsed as far as possible.
    pub fn scan(text: impl Into<Cow<'a, str>>) -> Self {
        Self::scan_toward(Direction::ToAddon, text)
    }

    /// As [`Script::scan`], for renaming in that direction. [`Names`] stands for the engine's or the addon's names.
    pub fn scan_toward(direction: Direction, text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let facts = parser::parse(&text, direction);
        Self {
            text,
            direction,
            facts,
        }
    }

    /// The direction of renaming.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The script's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that the script uses for the engine's classes: [`Script::renamed`] would rename them.
    pub fn uses(&self) -> Names {
        self.facts.uses.iter().fold(Names::NONE, |names, found| {
            names.union(Names::at(found.name))
        })
    }

    /// The names that are renamed in the script's project because the script calls a method that turns on DTLS.
    pub fn revealed_by_calls(&self) -> Names {
        self.facts.revealed_by_calls
    }

    /// The names that the script declares in a class body, as a class, constant, variable, function, signal, enum, or
    /// value of an unnamed enum. They are not renamed in this script and in scripts that extend it.
    ///
    /// Local variables and parameters are not included: only the functions that declare them see them. A declaration of
    /// a replacement in [`RENAMES`](crate::RENAMES) counts as one of the name it replaces.
    pub fn declares(&self) -> Names {
        self.facts.declared
    }

    /// The name after `class_name`.
    pub fn class_name(&self) -> Option<&str> {
        self.facts.class_name.clone().map(|range| &self.text[range])
    }

    /// What the script and its inner classes extend.
    pub fn extends(&self) -> impl Iterator<Item = Extends<'_>> {
        self.facts.extends.iter().map(|extends| Extends {
            path: extends.path.clone().map(|range| &self.text[range]),
            names: extends
                .names
                .iter()
                .map(|range| &self.text[range.clone()])
                .collect(),
        })
    }

    /// Constants for other scripts, `const Base = preload("base.gd")`: their names, and the paths as written.
    pub fn preloads(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts.preloads.iter().map(|found| {
            (
                &self.text[found.name.clone()],
                &self.text[found.path.clone()],
            )
        })
    }

    /// The script's text with the names it uses renamed, except those in `kept`. Borrowed if nothing changes.
    pub fn renamed(&self, kept: Names) -> Cow<'_, str> {
        replaced(&self.text, self.edits(kept))
    }

    /// The ranges to be replaced and their replacements, in order.
    pub(crate) fn edits(&self, kept: Names) -> impl Iterator<Item = (Range<usize>, &'static str)> {
        self.facts
            .uses
            .iter()
            .filter(move |found| !kept.has(found.name))
            .map(|found| {
                let (from, to) = self.direction.rename(found.name);
                (found.start..found.start + from.len(), to)
            })
    }
}

/// `text` with the given ranges replaced. They are in order and do not overlap.
pub(crate) fn replaced<'t>(
    text: &'t str,
    edits: impl Iterator<Item = (Range<usize>, &'static str)>,
) -> Cow<'t, str> {
    let mut renamed = String::new();
    let mut copied = 0;
    for (range, to) in edits {
        renamed.push_str(&text[copied..range.start]);
        renamed.push_str(to);
        copied = range.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    renamed.push_str(&text[copied..]);
    Cow::Owned(renamed)
}
