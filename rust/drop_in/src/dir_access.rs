//! Whether a script changes folders of its own project, which fails while an overlay is loaded.

use crate::gdscript::lexer::{self, Kind};

/// Methods of the engine's DirAccess that fail on `res://` while a resource pack is loaded.
const CHANGES: [&str; 8] = [
    "make_dir",
    "make_dir_absolute",
    "make_dir_recursive",
    "make_dir_recursive_absolute",
    "remove",
    "remove_absolute",
    "rename",
    "rename_absolute",
];

/// Whether a script seems to change folders under `res://` when the project runs: it names DirAccess, calls a method
/// that makes, moves or removes, has a string that contains `res://`, does not call `globalize_path`, and extends no
/// class of the editor.
///
/// This is a guess: the path is not traced to the call.
pub fn changes_project_folders(text: &str) -> bool {
    if !["DirAccess", "res://"]
        .iter()
        .all(|part| text.contains(part))
    {
        return false;
    }
    let tokens = lexer::tokens(text);
    let words = |index: usize| &text[tokens[index].range()];
    let is_word = |index: usize, word: &str| {
        tokens
            .get(index)
            .is_some_and(|token| token.kind == Kind::Word)
            && words(index) == word
    };
    let mut names_dir_access = false;
    let mut changes = false;
    let mut has_path = false;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::String => has_path |= words(index).contains("res://"),
            Kind::Word if words(index) == "extends" => {
                let base = tokens.get(index + 1).map_or("", |_| words(index + 1));
                if base.starts_with("Editor") {
                    return false;
                }
            }
            Kind::Word if words(index) == "globalize_path" => return false,
            Kind::Word => names_dir_access |= words(index) == "DirAccess",
            Kind::Period => changes |= CHANGES.iter().any(|call| is_word(index + 1, call)),
            _ => {}
        }
    }
    names_dir_access && changes && has_path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_change_folders_of_the_project_are_found() {
        for text in [
            "func f():\n\tDirAccess.make_dir_absolute(\"res://levels\")",
            "extends Node\nvar d := DirAccess.open('res://')\nfunc f():\n\td.remove(\"a\")",
            "const P = \"res://x\"\nfunc f(): DirAccess.rename_absolute(P + \"/a\", P)",
        ] {
            assert!(changes_project_folders(text), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "func f():\n\tDirAccess.make_dir_absolute(\"user://levels\")",
            "DirAccess.make_dir_absolute(ProjectSettings.globalize_path(\"res://levels\"))",
            "# DirAccess.make_dir_absolute(\"res://levels\")",
            "var d := DirAccess.open(\"res://\").get_files()",
            "func f(a: Array):\n\ta.remove_at(1)\n\tload(\"res://a\")\n\tDirAccess.open(\"user://\")",
            "@tool\nextends EditorPlugin\nfunc f():\n\tDirAccess.make_dir_absolute(\"res://levels\")",
            "",
        ] {
            assert!(!changes_project_folders(text), "{text}");
        }
    }
}
