//! PEM text that other software wrote: made readable for OpenSSL, and certificate chains out of it.

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A text in which each block begins a line: OpenSSL takes what it does not find there for the end of the text.
///
/// Texts that were joined lack a line end between their blocks, or have the terminator of C strings there, a zero byte, or
/// U+FFFD in its place.
pub fn readable(text: &str) -> String {
    text.replace(['\0', '\u{fffd}'], "\n")
        .replace("-----BEGIN", "\n-----BEGIN")
}

/// A certificate and the chain behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The certificates.
    pub pem: String,
    /// How many further ones the chain has, which the text lacks.
    pub missing: usize,
}

impl Chain {
    /// A text that has the whole chain.
    pub fn complete(pem: String) -> Self {
        Self { pem, missing: 0 }
    }

    /// The chain of which `repeated` is a text that has the first certificate once for each of the chain, or none. `file` is
    /// the text of the file that the chain was read from, or empty: the whole chain, as long as both begin with the same
    /// certificate.
    pub fn of_repeated(repeated: &str, file: String) -> Self {
        let Some(first) = certificates(repeated).next() else {
            return Self::complete(file);
        };
        let in_file = certificates(&file).next();
        if in_file.is_some_and(|it| characters(it).eq(characters(first))) {
            return Self::complete(file);
        }
        Self {
            pem: first.to_owned(),
            missing: certificates(repeated).count() - 1,
        }
    }
}

/// The certificates of a text, each from its first line to its last; those with nothing between the two are none.
fn certificates(pem: &str) -> impl Iterator<Item = &str> {
    pem.match_indices(BEGIN).filter_map(|(start, _)| {
        let block = &pem[start..];
        let end = block.find(END)?;
        let is_empty = block[BEGIN.len()..end].trim().is_empty();
        (!is_empty).then(|| &block[..end + END.len()])
    })
}

/// A block's characters without its line ends.
fn characters(block: &str) -> impl Iterator<Item = char> {
    block.chars().filter(|it| !it.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_a_text_begins_a_line() {
        let text =
            format!("{BEGIN}\nAB\n{END}\n\0{BEGIN}\nAB\n{END}\u{fffd}{BEGIN}\nAB\n{END}{BEGIN}");
        let readable = readable(&text);
        assert_eq!(readable.lines().filter(|line| *line == BEGIN).count(), 4);
        assert_eq!(readable.lines().filter(|line| *line == END).count(), 3);
    }

    #[test]
    fn certificates_are_found_between_other_text_and_compared_without_line_ends() {
        let text = format!(
            "{BEGIN}\n{END}\na\n{BEGIN}\r\nAB\r\nCD\r\n{END}\r\nb\n{BEGIN}\nEF\n{END}\n{BEGIN}\nGH"
        );
        let found: Vec<&str> = certificates(&text).collect();
        assert_eq!(found.len(), 2);
        let other = format!("{BEGIN}\nABCD\n{END}");
        assert!(characters(found[0]).eq(characters(&other)));
        assert!(!characters(found[1]).eq(characters(&other)));
    }

    #[test]
    fn a_chain_is_its_files_as_long_as_that_begins_with_the_same_certificate() {
        let block = |body: &str| format!("{BEGIN}\n{body}\n{END}\n");
        let file = [block("AB"), block("CD")].concat();
        let repeated = block("A\nB").repeat(2);
        let whole = Chain::complete(file.clone());
        assert_eq!(Chain::of_repeated(&repeated, file.clone()), whole);
        assert_eq!(Chain::of_repeated("", file.clone()), whole);
        let changed = Chain::of_repeated(&block("EF").repeat(3), file);
        assert_eq!(
            (changed.pem.as_str(), changed.missing),
            (block("EF").trim(), 2)
        );
        let alone = Chain::of_repeated(&block("AB"), String::new());
        assert_eq!((alone.pem.as_str(), alone.missing), (block("AB").trim(), 0));
        let none = Chain::of_repeated(&block(""), String::new());
        assert_eq!(none, Chain::complete(String::new()));
    }
}
