//! The renamer: any text as one script, as several of a project, and as a scene.

use std::borrow::Cow;

use drop_in::scene::Scene;
use drop_in::{Autoload, Names, RENAMES, Script, Source, plan, renamed_bytes};

/// Stands between the scripts of a project.
pub(crate) const BETWEEN: char = '\u{1e}';

pub(crate) fn run(input: &[u8]) {
    let renamed = renamed_bytes(input, Names::NONE);
    let Ok(text) = std::str::from_utf8(input) else {
        assert_eq!(renamed, Cow::Borrowed(input));
        return;
    };
    script(text);
    scene(text);
    project(text);
}

fn script(text: &str) {
    let script = Script::scan(text);
    let renamed = script.renamed(Names::NONE);
    assert_eq!(renamed == text, script.uses().is_empty());
    assert_only_names_change(text, &renamed);
    let again = Script::scan(&*renamed);
    assert_eq!(again.uses(), Names::NONE, "a second run changes nothing");
    assert_eq!(script.renamed(Names::ALL), text);
    assert!(script.extends().count() + script.preloads().count() <= text.len());
}

fn scene(text: &str) {
    let scene = Scene::scan(text);
    assert_eq!(scene.renamed(|_| Names::ALL), text);
    let renamed = scene.renamed(|_| Names::NONE);
    assert_eq!(renamed.lines().count(), text.lines().count());
    let again = Scene::scan(&renamed);
    assert_eq!(again.scripts().len(), scene.scripts().len());
    for (before, after) in scene.scripts().iter().zip(again.scripts()) {
        assert_eq!(before.script.renamed(Names::NONE), after.script.text());
        assert_eq!(after.script.uses(), Names::NONE);
    }
}

fn project(text: &str) {
    let scripts: Vec<Script<'_>> = text.split(BETWEEN).take(16).map(Script::scan).collect();
    let paths: Vec<String> = (0..scripts.len())
        .map(|n| format!("res://{n}.gd"))
        .collect();
    let sources: Vec<Source<'_, '_>> = scripts
        .iter()
        .zip(&paths)
        .map(|(script, path)| Source {
            path,
            uid: None,
            script,
        })
        .collect();
    let autoload = Autoload {
        name: "Network".into(),
        path: "res://0.gd".into(),
    };
    let plan = plan(&sources, &[autoload], Names::NONE);
    for (index, script) in scripts.iter().enumerate() {
        let kept = plan.kept(index);
        assert!(
            kept.contains(script.declares()),
            "a script keeps what it declares"
        );
        assert_only_names_change(script.text(), &script.renamed(kept));
    }
}

fn assert_only_names_change(text: &str, renamed: &str) {
    assert_eq!(renamed.lines().count(), text.lines().count());
    assert_eq!(
        without_replacements(renamed),
        without_replacements(text),
        "only names change"
    );
}

/// The text with every replacement turned back into the name it replaces.
fn without_replacements(text: &str) -> String {
    RENAMES
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(to, from))
}
