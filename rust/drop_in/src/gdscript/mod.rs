//! GDScript, parsed as far as renaming needs.

pub(crate) mod facts;
pub(crate) mod lexer;
pub(crate) mod parser;
mod references;
mod scope;
