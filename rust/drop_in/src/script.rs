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
    /// Reads a script. Costs time and memory in proportion to its length; broken scripts are read as well as may be.
    pub fn scan(text: impl Into<Cow<'a, str>>) -> Self {
        Self::scan_toward(Direction::ToAddon, text)
    }

    /// As [`Script::scan`], for names that are changed that way: the addon's names count as [`Script::scan`] counts the
    /// engine's, under the engine's names.
    pub fn scan_toward(direction: Direction, text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        let facts = parser::parse(&text, direction);
        Self {
            text,
            direction,
            facts,
        }
    }

    /// Which way its names are changed.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The script's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names that the script uses as the engine's, so those that [`Script::renamed`] would rename.
    pub fn uses(&self) -> Names {
        self.facts.uses.iter().fold(Names::NONE, |names, found| {
            names.union(Names::at(found.name))
        })
    }

    /// The names that the script declares itself in a class body: as class, constant, variable, function, signal,
    /// enum, or value of an unnamed enum. They keep their meaning in the whole script and in those that extend it.
    ///
    /// Local variables and parameters are not among them: they matter to the function that declares them alone.
    /// A declaration of a name that [`RENAMES`](crate::RENAMES) leads to counts as one of the name it comes from.
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

    /// Constants that stand for another script, `const Base = preload("base.gd")`: their names and paths as written.
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

    /// What is replaced, in order.
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
