//! Where in a script a token stands: which block, by indentation, and which brackets.
//!
//! Two questions need it. A name declared in a class body belongs to the whole script, one declared in a function
//! only to that function. And a line's end ends a statement, except between brackets, except in the body of a lambda.

use crate::names::{Names, RENAMES};

/// Brackets that are open at a token, outermost first, each with what is special inside it.
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

/// What the items of a bracket are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BracketKind {
    /// Expressions, types or patterns.
    Plain,
    /// A dictionary or a dictionary pattern.
    Brace,
    /// Names of a function's parameters, with types and defaults.
    Parameters,
    /// Names of a signal's parameters. They are in no scope.
    SignalParameters,
    /// An enum's values, with how many uses came before them and those of our names among them.
    Enum {
        named: bool,
        uses_before: usize,
        values: Names,
    },
}

/// How far a lambda has come that stands between brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lambda {
    None,
    /// After `func`.
    Header,
    /// After the header's colon: a body of several lines follows if the line ends here.
    Colon,
    /// Within a body of lines indented at least this much. There, the end of a line ends a statement.
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

    /// Whether declarations at this place are members of a class.
    pub(crate) fn in_class_body(&self) -> bool {
        self.open.last().is_none_or(|block| block.is_class)
    }

    /// Enters a line. `after_class_header` says whether the line before was the header of an inner class, so that a
    /// deeper indentation means that class's body.
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

/// From where on in a script's text the locals of one of its declarations take each of our names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locals([usize; RENAMES.len()]);

impl Default for Locals {
    fn default() -> Self {
        Self([usize::MAX; RENAMES.len()])
    }
}

impl Locals {
    /// Takes names from a place on.
    pub(crate) fn take(&mut self, names: Names, start: usize) {
        for (index, taken) in self.0.iter_mut().enumerate() {
            if names.has(index) {
                *taken = start.min(*taken);
            }
        }
    }

    /// Whether a name at a place can be a local's.
    pub(crate) fn hide(&self, name: usize, place: usize) -> bool {
        self.0[name] <= place
    }
}
