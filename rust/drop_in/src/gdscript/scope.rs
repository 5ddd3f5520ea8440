//! The blocks and brackets around a token, and the names that locals hide.
//!
//! A name declared in a class body belongs to the whole script, one declared in a function only to that function. The
//! end of a line ends a statement, but not between brackets, unless it is in the body of a lambda.

use crate::names::{Names, RENAMES};

/// An open bracket.
#[derive(Debug)]
pub(crate) struct Bracket {
    pub(crate) kind: BracketKind,
    pub(crate) lambda: Lambda,
}

impl Bracket {
    pub(crate) fn new(kind: BracketKind) -> Self {
        Self {
            kind,
            lambda: Lambda::None,
        }
    }
}

/// What a bracket contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BracketKind {
    /// Expressions, types or patterns.
    Plain,
    /// The entries of a dictionary or a dictionary pattern.
    Brace,
    /// A function's parameters, with types and defaults.
    Parameters,
    /// A signal's parameters. Their names are not in any scope.
    SignalParameters,
    /// An enum's values.
    Enum {
        named: bool,
        /// How many uses precede it.
        uses_before: usize,
        /// The names to be renamed that are values.
        values: Names,
    },
}

/// The state of a lambda between brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lambda {
    None,
    /// After `func`.
    Header,
    /// After the header's colon. If the line ends here, the body is the following lines.
    Colon,
    /// In a body of lines with at least this indentation, where the end of a line ends a statement.
    Body(usize),
}

/// The blocks that are open at a line, by indentation.
#[derive(Debug)]
pub(crate) struct Blocks {
    open: Vec<Block>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    indent: usize,
    is_class: bool,
}

impl Blocks {
    /// The script's own class body.
    pub(crate) fn new() -> Self {
        Self {
            open: vec![Block {
                indent: 0,
                is_class: true,
            }],
        }
    }

    /// Whether declarations here are members of a class.
    pub(crate) fn in_class_body(&self) -> bool {
        self.open.last().is_none_or(|block| block.is_class)
    }

    /// Enters a line. `after_class_header` says whether the line before is the header of an inner class, whose body is
    /// indented further.
    pub(crate) fn begin_line(&mut self, indent: usize, after_class_header: bool) {
        while self.open.len() > 1 && self.open.last().is_some_and(|block| indent < block.indent) {
            self.open.pop();
        }
        let deeper = self.open.last().is_some_and(|block| indent > block.indent);
        if deeper {
            let is_class = after_class_header && self.in_class_body();
            self.open.push(Block { indent, is_class });
        }
    }
}

/// The offsets from which on the locals of an item hide each of the names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locals([usize; RENAMES.len()]);

impl Default for Locals {
    fn default() -> Self {
        Self([usize::MAX; RENAMES.len()])
    }
}

impl Locals {
    /// Hides names from an offset on.
    pub(crate) fn hide(&mut self, names: Names, start: usize) {
        for (index, hidden_from) in self.0.iter_mut().enumerate() {
            if names.has(index) {
                *hidden_from = start.min(*hidden_from);
            }
        }
    }

    /// Whether a name at an offset can be a local's.
    pub(crate) fn hides(&self, name: usize, offset: usize) -> bool {
        self.0[name] <= offset
    }
}
