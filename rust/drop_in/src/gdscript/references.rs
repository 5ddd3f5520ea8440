//! A script's references to other scripts, read from the tokens after a keyword.

use std::ops::Range;

use super::facts::{ExtendsAt, PreloadAt};
use super::lexer::{Kind, Token};

/// Reads a path in quotes, a chain of identifiers, or a path followed by a chain.
pub(crate) fn after_extends(text: &str, rest: &[Token]) -> ExtendsAt {
    let mut rest = rest.iter();
    let mut found = ExtendsAt::default();
    let mut next = rest.next();
    if let Some(path) = next.filter(|token| token.kind == Kind::String) {
        found.path = inside_quotes(text, path.range());
        next = after_period(&mut rest);
    }
    while let Some(name) = next.filter(|token| token.kind == Kind::Word) {
        found.names.push(name.range());
        next = after_period(&mut rest);
    }
    found
}

fn after_period<'t>(rest: &mut std::slice::Iter<'t, Token>) -> Option<&'t Token> {
    let period = rest.next().filter(|token| token.kind == Kind::Period);
    period.and_then(|_| rest.next())
}

/// Finds `preload("path")` in the line of a constant, whose name is the first token.
pub(crate) fn preload_of_constant(text: &str, rest: &[Token]) -> Option<PreloadAt> {
    // Enough for a name, a type and brackets. A limit, so that the time stays linear in a file of one line.
    let rest = &rest[..rest.len().min(16)];
    let line = rest.split(|token| token.kind == Kind::Newline).next()?;
    let call = line.windows(3).find(|call| {
        let shape = [call[1].kind, call[2].kind];
        &text[call[0].range()] == "preload" && shape == [Kind::Open(b'('), Kind::String]
    })?;
    let name = line.first()?.range();
    Some(PreloadAt {
        name,
        path: inside_quotes(text, call[2].range())?,
    })
}

/// The contents of a string literal, escapes unresolved. `None` if it does not end.
fn inside_quotes(text: &str, literal: Range<usize>) -> Option<Range<usize>> {
    let quoted = text[literal.clone()].trim_start_matches('r');
    let contents = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find_map(|quotes| quoted.strip_prefix(quotes)?.strip_suffix(quotes))?;
    let quotes = (quoted.len() - contents.len()) / 2;
    let end = literal.end - quotes;
    Some(end - contents.len()..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gdscript::lexer::tokens;

    fn path(text: &str) -> Option<&str> {
        after_extends(text, &tokens(text))
            .path
            .map(|range| &text[range])
    }

    #[test]
    fn quotes_of_every_kind_are_removed_from_a_path() {
        for text in ["\"é\"", "'é'", "r\"é\"", "\"\"\"é\"\"\"", "r'''é'''"] {
            assert_eq!(path(text), Some("é"));
        }
        assert_eq!(path("\"\""), Some(""));
    }

    #[test]
    fn an_unterminated_path_is_none() {
        for text in ["\"", "\"é", "'''é", "r'é"] {
            assert_eq!(path(text), None);
        }
    }
}
