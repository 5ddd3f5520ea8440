//! GDScript's tokens, as far as renaming distinguishes them.
//!
//! Follows the engine's tokenizer (modules/gdscript/gdscript_tokenizer.cpp, 4.6), which accepts more than its manual
//! says: single quotes span lines, and an unterminated string ends with the file. Tokens can differ from the engine's
//! in text that the engine rejects.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or a keyword.
    Word,
    /// Any string literal, with its prefix `r`; the prefixes `&` and `^` come as [`Kind::Operator`] before it.
    String,
    Number,
    /// `@name`
    Annotation,
    /// The end of a line, unless the next one continues it after a backslash.
    Newline,
    /// `(`, `[` or `{`
    Open(u8),
    /// `)`, `]` or `}`
    Close,
    Comma,
    Colon,
    Semicolon,
    Period,
    /// `...`, before a rest parameter
    Ellipsis,
    Dollar,
    Percent,
    Slash,
    Equal,
    /// Any other operator or character.
    Operator,
}

/// A token and its place in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Bytes between the start of the line and the token: the indentation, for the first token of a line.
    pub(crate) column: usize,
}

impl Token {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Splits a script into tokens. Stops at the first NUL, as the engine does.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let bytes = &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())];
    let at = if bytes.starts_with("\u{feff}".as_bytes()) {
        3
    } else {
        0
    };
    let mut lexer = Lexer {
        bytes,
        at,
        line_start: at,
        continued: false,
        tokens: Vec::new(),
    };
    while lexer.at < bytes.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'t> {
    bytes: &'t [u8],
    at: usize,
    line_start: usize,
    /// A backslash ended the line before. Blank and comment lines after it do not end the statement either.
    continued: bool,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// The byte that many bytes ahead. NUL past the end, as in the engine.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.continued = false;
        self.tokens.push(Token {
            kind,
            start,
            end: self.at,
            column: start.saturating_sub(self.line_start),
        });
    }

    fn step(&mut self) {
        let start = self.at;
        match self.bytes[start] {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'\n' => {
                let continued = self.continued;
                self.at += 1;
                if !continued {
                    self.push(Kind::Newline, start);
                }
                self.line_start = self.at;
            }
            b'#' => {
                let rest = &self.bytes[start..];
                self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            }
            b'\\' => self.continuation(),
            b'r' if matches!(self.peek(1), b'"' | b'\'') => {
                self.at += 1;
                self.string(true);
                self.push(Kind::String, start);
            }
            b'"' | b'\'' => {
                self.string(false);
                self.push(Kind::String, start);
            }
            b'@' => {
                self.at += 1;
                self.word();
                self.push(Kind::Annotation, start);
            }
            byte if is_word(byte) && !byte.is_ascii_digit() => {
                self.word();
                self.push(Kind::Word, start);
            }
            byte if byte.is_ascii_digit() || byte == b'.' && self.peek(1).is_ascii_digit() => {
                self.number();
                self.push(Kind::Number, start);
            }
            byte => self.punctuation(byte),
        }
    }

    fn continuation(&mut self) {
        let start = self.at;
        let length = match (self.peek(1), self.peek(2)) {
            (b'\n', _) => 2,
            (b'\r', b'\n') => 3,
            _ => {
                self.at += 1;
                return self.push(Kind::Operator, start);
            }
        };
        self.at += length;
        self.line_start = self.at;
        self.continued = true;
    }

    fn word(&mut self) {
        while is_word(self.peek(0)) {
            self.at += 1;
        }
    }

    /// Digits and letters, and a decimal point that does not begin `..`.
    fn number(&mut self) {
        self.word();
        if self.peek(0) == b'.' && self.peek(1) != b'.' {
            self.at += 1;
            self.word();
        }
    }

    fn string(&mut self, raw: bool) {
        let quote = self.peek(0);
        let triple = self.peek(1) == quote && self.peek(2) == quote;
        self.at += if triple { 3 } else { 1 };
        while self.at < self.bytes.len() {
            let byte = self.peek(0);
            self.at += 1;
            if byte == b'\\' {
                self.escape(quote, raw);
            } else if byte == quote && !triple {
                return;
            } else if byte == quote && self.peek(0) == quote && self.peek(1) == quote {
                self.at += 2;
                return;
            }
        }
    }

    /// Skips what a backslash in a string escapes. The first byte is enough of a character that is not ASCII: none of
    /// its other bytes is a quote or a backslash.
    fn escape(&mut self, quote: u8, raw: bool) {
        let taken = match self.peek(0) {
            next if raw => usize::from(next == quote || next == b'\\'),
            b'\r' if self.peek(1) != b'\n' => 2,
            _ => 1,
        };
        self.at = (self.at + taken).min(self.bytes.len());
    }

    fn punctuation(&mut self, byte: u8) {
        let start = self.at;
        let (kind, length) = match (byte, self.peek(1), self.peek(2)) {
            (b'(' | b'[' | b'{', ..) => (Kind::Open(byte), 1),
            (b')' | b']' | b'}', ..) => (Kind::Close, 1),
            (b',', ..) => (Kind::Comma, 1),
            (b':', ..) => (Kind::Colon, 1),
            (b';', ..) => (Kind::Semicolon, 1),
            (b'$', ..) => (Kind::Dollar, 1),
            (b'.', b'.', b'.') => (Kind::Ellipsis, 3),
            (b'.', b'.', _) => (Kind::Operator, 2),
            (b'.', ..) => (Kind::Period, 1),
            (b'*', b'*', b'=') | (b'<', b'<', b'=') | (b'>', b'>', b'=') => (Kind::Operator, 3),
            (
                b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'&' | b'|',
                b'=',
                _,
            ) => (Kind::Operator, 2),
            (b'=', ..) => (Kind::Equal, 1),
            (b'%', ..) => (Kind::Percent, 1),
            (b'/', ..) => (Kind::Slash, 1),
            _ => (Kind::Operator, 1),
        };
        self.at += length;
        self.push(kind, start);
    }
}

/// Whether a byte belongs to an identifier. All bytes of characters that are not ASCII do: outside strings and comments
/// the engine accepts such characters in identifiers only (Unicode's XID_Continue).
fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        tokens(text)
            .into_iter()
            .map(|token| &text[token.range()])
            .collect()
    }

    #[test]
    fn a_string_ends_where_the_engine_ends_it() {
        assert_eq!(split(r#""a\"b" c"#), [r#""a\"b""#, "c"]);
        assert_eq!(split(r#""a\\" c"#), [r#""a\\""#, "c"]);
        assert_eq!(split(r#"r"a\" c" d"#), [r#"r"a\" c""#, "d"]);
        assert_eq!(split(r#"r"a\\" c"#), [r#"r"a\\""#, "c"]);
        assert_eq!(split(r#""\u" c"#), [r#""\u""#, "c"]);
        assert_eq!(split("'a\nb' c"), ["'a\nb'", "c"]);
        assert_eq!(split(r#""" a"#), [r#""""#, "a"]);
        assert_eq!(
            split(r#""""a"b""c\"""d""" e"#),
            [r#""""a"b""c\"""d""""#, "e"]
        );
        assert_eq!(split("'''a'b''' c"), ["'''a'b'''", "c"]);
        assert_eq!(split("\"a\\\rx\" c"), ["\"a\\\rx\"", "c"]);
    }

    #[test]
    fn an_unterminated_string_ends_with_the_file() {
        for text in ["\"a\nb", "'''a'b''", "\"a\\", "r'a\\'", "\"a\\\r"] {
            assert_eq!(split(text), [text]);
        }
    }

    #[test]
    fn an_r_at_the_end_of_a_word_does_not_begin_a_raw_string() {
        assert_eq!(split(r#"bar"\"" r "x""#), ["bar", r#""\"""#, "r", r#""x""#]);
    }

    #[test]
    fn comments_end_with_the_line_and_hold_no_strings() {
        assert_eq!(split("a # \"b\rc\n d ## '''\n"), ["a", "\n", "d", "\n"]);
    }

    #[test]
    fn a_backslash_joins_lines_and_the_blank_ones_after_it() {
        assert_eq!(split("a \\\n\n  # b\n c\nd"), ["a", "c", "\n", "d"]);
        assert_eq!(split("a \\\r\n c"), ["a", "c"]);
    }

    #[test]
    fn two_dots_do_not_end_a_number_and_one_does_not_begin_an_attribute() {
        assert_eq!(
            split("1..a 1.5.b .5 1.e3 0x1F"),
            ["1", "..", "a", "1.5", ".", "b", ".5", "1.e3", "0x1F"]
        );
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_first_word_and_nul_ends_the_text() {
        assert_eq!(split("\u{feff}a b\0c"), ["a", "b"]);
    }
}
