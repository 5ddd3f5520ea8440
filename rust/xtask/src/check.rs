//! Which lines of Godot's output mean that something went wrong.

use anyhow::{Result, ensure};

/// A test prints this before it causes an error; the rest of the line is part of that error's text.
pub(crate) const EXPECT: &str = "expect-error: ";

/// Texts that mean an error, anywhere in a line.
const TROUBLE: &[&str] = &[
    "Parse Error",
    "Compile Error",
    "ObjectDB instance",
    "Leaked instance",
    "leaked",
    "panicked",
    "handle_crash",
    "mbedtls error",
    "Segmentation fault",
];

/// The problems in a part of Godot's output, each with the lines that explain it.
///
/// An error that the output announced with [`EXPECT`], or whose text is in `allowed`, is none; an announced error that
/// was not printed is one. A warning may be announced, and is no problem if it is not.
pub(crate) fn problems(lines: &[String], allowed: &[&str]) -> Vec<String> {
    let mut expected: Vec<(&str, bool)> = lines
        .iter()
        .filter_map(|line| line.strip_prefix(EXPECT))
        .map(|text| (text, false))
        .collect();
    let mut problems = Vec::new();
    let mut rest = lines.iter().peekable();
    while let Some(line) = rest.next() {
        let is_trouble = is_trouble(line);
        if line.starts_with(EXPECT) || !is_trouble && !has_word(line, "WARNING") {
            continue;
        }
        let mut whole = line.clone();
        while let Some(detail) = rest.next_if(|line| explains(line)) {
            whole += "\n";
            whole += detail;
        }
        let mut announced = false;
        for (text, seen) in &mut expected {
            if whole.contains(*text) {
                *seen = true;
                announced = true;
            }
        }
        if is_trouble && !announced && !allowed.iter().any(|text| whole.contains(text)) {
            problems.push(whole);
        }
    }
    let missing = expected.iter().filter(|(_, seen)| !seen);
    problems.extend(missing.map(|(text, _)| format!("an expected error was not printed: {text}")));
    problems
}

/// Fails with the [`problems`] of these lines, which `who` printed.
pub(crate) fn ensure_no_problem(who: &str, lines: &[String], allowed: &[&str]) -> Result<()> {
    let problems = problems(lines, allowed);
    ensure!(
        problems.is_empty(),
        "{who} printed an error:\n{}",
        problems.join("\n")
    );
    Ok(())
}

/// Whether a line means that something went wrong.
fn is_trouble(line: &str) -> bool {
    TROUBLE.iter().any(|text| line.contains(text)) || has_word(line, "ERROR")
}

/// Whether a line belongs to the error above it.
fn explains(line: &str) -> bool {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    indented
        && (text.starts_with("at: ")
            || text.starts_with("GDScript backtrace")
            || text.starts_with('['))
}

/// Whether `word` stands alone in `line`, so that `STATUS_ERROR` is not an `ERROR`.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c == '_' || c.is_alphanumeric();
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(part_of_name)
            && !line[start + word.len()..].starts_with(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_error_is_a_problem_with_the_lines_that_explain_it() {
        let output = lines(
            "SCRIPT ERROR: Invalid call.\n   at: f (res://a.gd:3)\n   GDScript backtrace (most recent call first):\n       [0] f (res://a.gd:3)\nfine",
        );
        let found = problems(&output, &[]);
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("[0] f (res://a.gd:3)"), "{}", found[0]);
    }

    #[test]
    fn names_that_contain_the_word_are_no_problem() {
        assert!(problems(&lines("STATUS_ERROR\nERRORS: 0\nno errors"), &[]).is_empty());
    }

    #[test]
    fn leaks_and_panics_are_problems() {
        for line in [
            "WARNING: ObjectDB instances leaked at exit (run with --verbose for details).",
            "thread 'main' panicked at src/lib.rs:1:1:",
            "Leaked instance: RefCounted:123",
            "handle_crash: Program crashed with signal 11",
            "Parse Error: Identifier not found",
        ] {
            assert_eq!(problems(&lines(line), &[]).len(), 1, "{line}");
        }
    }

    #[test]
    fn an_announced_error_is_no_problem_and_its_place_may_be_named() {
        let output = lines("expect-error: wrong key\nERROR: OpenSSL: wrong key\n   at: setup");
        assert!(problems(&output, &[]).is_empty());
        let output = lines("expect-error: at: setup\nERROR: wrong\n   at: setup");
        assert!(problems(&output, &[]).is_empty());
    }

    #[test]
    fn an_announced_error_that_is_not_printed_is_a_problem() {
        let output = lines("expect-error: wrong key\nERROR: something else");
        let found = problems(&output, &[]);
        assert_eq!(found.len(), 2);
        assert!(found[1].contains("was not printed: wrong key"));
    }

    #[test]
    fn a_warning_may_be_announced() {
        let warning = "WARNING: look out\n   at: setup";
        assert!(problems(&lines(warning), &[]).is_empty());
        let announced = format!("expect-error: look out\n{warning}");
        assert!(problems(&lines(&announced), &[]).is_empty());
        assert_eq!(problems(&lines("expect-error: look out"), &[]).len(), 1);
    }

    #[test]
    fn an_allowed_error_may_be_printed_or_not() {
        assert!(problems(&lines("ERROR: no display"), &["no display"]).is_empty());
        assert!(problems(&[], &["no display"]).is_empty());
    }
}
