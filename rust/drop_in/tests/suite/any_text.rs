//! Random texts: only the names that are known to be uses change.

use drop_in::scene::Scene;
use drop_in::{Names, RENAMES, Script, Source, plan};
use proptest::prelude::*;

use crate::marked::assert_renames;

/// A part of an argument list, with marks around the names to be renamed. It declares nothing.
fn piece() -> impl Strategy<Value = String> {
    let name = prop::sample::select(RENAMES.map(|(from, _)| from).to_vec());
    let stays = prop::sample::select(vec![
        "\"@ \\\" ' # @\"",
        "'@ \\' \" \\\\'",
        "\"\"\"@\n \" @ \"\" \\\"\"\" @\"\"\"",
        "'''@ \n # ' @'''",
        "r\"@ \\\" \\\\\"",
        "r'''\\''' @ '''",
        "&\"@\"",
        "^'@/@'",
        "$@",
        "$A/@/\"@\"",
        "$%@/%@",
        "$\"@\" / @",
        "%@",
        "- %@/@",
        "not %@",
        "a.@",
        "self . @",
        "a.\n\t@\n.@()",
        "a \\\n.@",
        "a.if.@ % 3",
        "{ @ = 1 }",
        "{ a = \"@\", @ = { @ = %@ } }",
        "X@",
        "@_2",
        "é@",
        "@ß",
        "OpenSSL@",
        "1 # @ \" ''' ) ]\n",
        "1 ## $@\r\n",
        "func @(): pass",
        "TLSOptions",
        "0x1F + 1.5e-3",
    ]);
    let changes = prop::sample::select(vec![
        "«@»",
        "«@».new()",
        "«@».@.@",
        "[«@», \"@\", «@»]",
        "{ «@»: «@» }",
        "{ @ = «@» }",
        "{ \"@\" = «@».@ }",
        "\"@\" % «@».x",
        "a %«@».x",
        "a[0]%«@».x",
        "(1) % «@».x / «@».y",
        "$A.b / «@».y",
        "x as «@»",
        "x is not «@»",
        "«@» if «@» else %@",
        "$@.f(«@», $@)",
        "func(a: «@» = «@».new()) -> «@»: return «@».x",
        "-«@».x",
        "a\n\t% «@».x",
        "«@» # @\n",
    ]);
    (prop_oneof![stays, changes], name).prop_map(|(piece, name)| piece.replace('@', name))
}

/// Words, quotes, brackets, spaces and names, in any order.
fn any_tokens() -> impl Strategy<Value = String> {
    let names = RENAMES.iter().flat_map(|(from, to)| [*from, *to]);
    let rest = [
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\\",
        "\\\n",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "r\"",
        "&\"",
        "^'",
        "#",
        "##",
        "$",
        "%",
        "%=",
        "/",
        ".",
        "..",
        "...",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ";",
        ",",
        "=",
        "==",
        ":=",
        "->",
        "@",
        "@export ",
        "var ",
        "const ",
        "func ",
        "class ",
        "class_name ",
        "extends ",
        "enum ",
        "signal ",
        "for ",
        "in ",
        "match ",
        "when ",
        "static ",
        "set(",
        "return ",
        "is ",
        "as ",
        "preload(",
        "const x = preload(",
        "x",
        "_",
        "é",
        "1",
        "1.",
        "0x",
        "\u{feff}",
        "\u{200e}",
        "\u{1f600}",
    ];
    let word = prop::sample::select(names.chain(rest).collect::<Vec<_>>());
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// Asserts what holds for every text.
fn assert_sound(text: &str) {
    let script = Script::scan(text);
    let renamed = script.renamed(Names::NONE);
    assert_eq!(renamed == text, script.uses().is_empty());
    assert_eq!(
        without_replacements(&renamed),
        without_replacements(text),
        "only names change"
    );
    assert_eq!(renamed.lines().count(), text.lines().count());
    assert_eq!(
        Script::scan(&*renamed).uses(),
        Names::NONE,
        "a second run changes nothing"
    );
    assert_eq!(script.renamed(Names::ALL), text);
    let source = Source {
        path: "res://a.gd",
        uid: None,
        script: &script,
    };
    assert_eq!(
        plan(&[source], &[], Names::NONE)
            .renamed()
            .contains(Names::DTLS),
        !script.uses().intersection(Names::DTLS).is_empty()
    );
    assert!(script.extends().count() + script.preloads().count() <= text.len());
    assert!(script.class_name().is_none_or(|name| text.contains(name)));
}

/// The text with every replacement changed back to the name it replaces.
fn without_replacements(text: &str) -> String {
    RENAMES
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(to, from))
}

/// A scene with a script in it, as the engine writes it.
fn scene_of(script: &str) -> String {
    let escaped = script.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "[gd_scene]\n\n[sub_resource type=\"GDScript\" id=\"a\"]\nscript/source = \"{escaped}\"\n\n[node name=\"UDPServer\"]\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_uses_among_random_arguments_change_and_nothing_else(pieces in prop::collection::vec(piece(), 0..12)) {
        assert_renames(&format!("extends Node\n\nfunc f():\n\tcall({})\n\tpass\n", pieces.join(", ")));
    }

    #[test]
    fn the_uses_among_random_statements_change_and_nothing_else(pieces in prop::collection::vec(piece(), 0..12)) {
        let statements: String = pieces.iter().map(|piece| format!("\tx = ({piece})\n")).collect();
        assert_renames(&format!("extends Node\n\nfunc f():\n{statements}\tpass\n"));
    }

    #[test]
    fn random_words_do_not_panic(text in any_tokens()) {
        assert_sound(&text);
    }

    #[test]
    fn random_text_does_not_panic(text in any::<String>()) {
        assert_sound(&text);
    }

    #[test]
    fn a_script_in_a_scene_is_renamed_as_one_in_a_file(text in any_tokens()) {
        let text = text.replace('\0', "");
        let scene = scene_of(&text);
        let scene = Scene::scan(&scene);
        prop_assert_eq!(scene.renamed(|_| Names::NONE), scene_of(&Script::scan(&*text).renamed(Names::NONE)));
        prop_assert_eq!(scene.scripts()[0].script.text(), text);
    }

    #[test]
    fn random_scenes_do_not_panic(words in prop::collection::vec(prop_oneof![
        any_tokens(),
        Just("[sub_resource type=\"GDScript\"]".to_owned()),
        Just("\nscript/source = \"".to_owned()),
        Just("\\u0044TLSServer".to_owned()),
        Just("\\ud83d".to_owned()),
        any::<String>(),
    ], 0..12)) {
        let text = words.concat();
        let renamed = Scene::scan(&text).renamed(|_| Names::NONE);
        prop_assert!(renamed.len() >= text.len() || text.contains('\\'));
        prop_assert_eq!(renamed.lines().count(), text.lines().count());
    }
}

#[test]
fn time_is_linear_however_the_text_nests() {
    // Quadratic time in one of these would take minutes.
    for unit in [
        "(",
        "{",
        "enum {",
        "enum A { UDPServer } ",
        "const a = preload(",
        "func(",
        "$A/",
        "set ",
        "UDPServer,",
        "'''",
        "\\\n",
        "extends a.",
        "\n\tclass A:",
        "f(func():\n",
        "UDPServer\n",
        "\"\\\"",
    ] {
        let text = unit.repeat(2_000_000 / unit.len());
        assert_eq!(Script::scan(text.as_str()).renamed(Names::ALL), text);
        let scene = scene_of(&text);
        assert_eq!(Scene::scan(&scene).renamed(|_| Names::ALL), scene);
    }
}
