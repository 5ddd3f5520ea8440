//! What the parser finds in a script, as places in its text.

use std::ops::Range;

use crate::names::Names;

/// What a script uses, declares, extends and preloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) uses: Vec<Use>,
    pub(crate) declared: Names,
    /// See [`Names::revealed_by_call`].
    pub(crate) revealed_by_calls: Names,
    pub(crate) class_name: Option<Range<usize>>,
    pub(crate) extends: Vec<ExtendsAt>,
    pub(crate) preloads: Vec<PreloadAt>,
}

/// An identifier that may be renamed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub(crate) start: usize,
    pub(crate) name: usize,
    /// The index of the class body's declaration that it is in; see [`parse`](super::parser::parse).
    pub(crate) item: usize,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ExtendsAt {
    pub(crate) path: Option<Range<usize>>,
    pub(crate) names: Vec<Range<usize>>,
}

/// `const NAME = preload("path")` in a class body.
#[derive(Clone, Debug)]
pub(crate) struct PreloadAt {
    pub(crate) name: Range<usize>,
    pub(crate) path: Range<usize>,
}
