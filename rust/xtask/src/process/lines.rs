//! Joins the pieces of a program's output to lines.

/// Lines of text. What is not UTF-8 is replaced; terminal colours are removed.
#[derive(Default)]
pub(super) struct Lines {
    whole: Vec<String>,
    begun: Vec<u8>,
}

impl Lines {
    /// Adds what was read.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // The last piece has no line end after it.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.begun.extend_from_slice(piece);
            self.whole.push(self.begun());
            self.begun.clear();
        }
        self.begun.extend_from_slice(last);
    }

    /// The lines that have ended.
    pub(super) fn whole(&self) -> &[String] {
        &self.whole
    }

    /// The line that has not ended yet; empty if none has begun.
    pub(super) fn begun(&self) -> String {
        let text = String::from_utf8_lossy(&self.begun);
        without_colours(text.trim_end_matches('\r'))
    }

    /// Removes and returns the lines that have ended.
    pub(super) fn take(&mut self) -> impl Iterator<Item = String> {
        std::mem::take(&mut self.whole).into_iter()
    }
}

/// Removes the escape sequences for colours.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain += before;
        // Parameters are digits and signs; a byte from `@` on ends the sequence.
        let end = after.find(|c: char| ('@'..='~').contains(&c));
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines_wherever_they_are_cut() {
        let text = "uno\r\n\nè tre\nfour".as_bytes();
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            lines.feed(&text[..cut]);
            lines.feed(&text[cut..]);
            assert_eq!(lines.whole(), ["uno", "", "è tre"], "cut at {cut}");
            assert_eq!(lines.begun(), "four");
        }
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            without_colours("\u{1b}[1;31mERROR:\u{1b}[0m bad è"),
            "ERROR: bad è"
        );
        assert_eq!(without_colours("cut \u{1b}[1;3"), "cut ");
    }
}
