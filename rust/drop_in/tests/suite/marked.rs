//! Scripts with marks around the names that are renamed.

use drop_in::{Names, RENAMES, Script};

/// Asserts how a script is renamed. In `marked`, names that are renamed are between `«` and `»`.
#[track_caller]
pub(crate) fn assert_renames(marked: &str) {
    let (before, after) = unmarked(marked);
    let script = Script::scan(before.as_str());
    let renamed = script.renamed(Names::NONE);
    assert_eq!(renamed, after);
    assert_eq!(
        Script::scan(&*renamed).uses(),
        Names::NONE,
        "a second run changes nothing"
    );
    assert_eq!(script.uses().is_empty(), before == after);
}

/// The text before and after renaming.
pub(crate) fn unmarked(marked: &str) -> (String, String) {
    let mut after = marked.to_owned();
    for (from, to) in RENAMES {
        after = after.replace(&format!("«{from}»"), to);
    }
    (marked.replace(['«', '»'], ""), after)
}
