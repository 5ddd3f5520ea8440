//! What an export preset does with the addon.

use drop_in::export::{Preset, Reach, Selection, reach};

const ADDON: &str = "res://addons/openssl_dtls/openssl_dtls.gdextension";

#[derive(Clone, Copy)]
struct Fake {
    include: &'static str,
    exclude: &'static str,
    selection: Selection,
    files: &'static [&'static str],
    removed: &'static [(&'static str, bool)],
}

const ALL: Fake = Fake {
    include: "",
    exclude: "",
    selection: Selection::All,
    files: &[],
    removed: &[],
};

impl Preset for Fake {
    fn include_filter(&self) -> String {
        self.include.to_owned()
    }

    fn exclude_filter(&self) -> String {
        self.exclude.to_owned()
    }

    /// Patterns with one asterisk, at the start or the end.
    fn matches(&self, path: &str, pattern: &str) -> bool {
        match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => path.ends_with(end),
            (_, Some(start)) => path.starts_with(start),
            _ => path == pattern,
        }
    }

    fn selection(&self) -> Selection {
        self.selection
    }

    fn selected_files(&self) -> Vec<String> {
        self.files.iter().map(|file| (*file).to_owned()).collect()
    }

    fn removes(&self, path: &str) -> Option<bool> {
        let found = self.removed.iter().find(|(place, _)| *place == path);
        found.map(|(_, removed)| *removed)
    }
}

#[test]
fn all_resources_include_the_addon_unless_a_filter_excludes_it() {
    assert_eq!(reach(&ALL, ADDON), Reach::Exported);
    for exclude in [
        "addons/openssl_dtls/*",
        "*.txt, res://addons/openssl_dtls/*",
        "*.gdextension",
    ] {
        let preset = Fake { exclude, ..ALL };
        assert_eq!(reach(&preset, ADDON), Reach::Excluded, "{exclude}");
    }
    let exclude = " , *.txt,";
    assert_eq!(reach(&Fake { exclude, ..ALL }, ADDON), Reach::Exported);
}

#[test]
fn selected_scenes_and_resources_need_a_filter_or_the_addon_among_them() {
    let scenes = Fake {
        selection: Selection::Scenes,
        files: &["res://main.tscn"],
        ..ALL
    };
    let resources = Fake {
        selection: Selection::Resources,
        ..scenes
    };
    for preset in [scenes, resources] {
        assert_eq!(reach(&preset, ADDON), Reach::NotSelected);
        let include = "*.gdextension";
        assert_eq!(reach(&Fake { include, ..preset }, ADDON), Reach::Exported);
    }
    let files = &[ADDON];
    assert_eq!(reach(&Fake { files, ..resources }, ADDON), Reach::Exported);
    let all_but = Fake {
        selection: Selection::AllButResources,
        files,
        ..ALL
    };
    assert_eq!(reach(&all_but, ADDON), Reach::Excluded);
}

#[test]
fn the_innermost_customized_folder_decides() {
    let customized = |removed| {
        let selection = Selection::Customized;
        let preset = Fake {
            selection,
            removed,
            ..ALL
        };
        reach(&preset, ADDON)
    };
    assert_eq!(customized(&[]), Reach::Exported);
    assert_eq!(customized(&[("res://", true)]), Reach::Excluded);
    assert_eq!(
        customized(&[("res://", true), ("res://addons/", false)]),
        Reach::Exported
    );
    assert_eq!(
        customized(&[("res://addons/", false), (ADDON, true)]),
        Reach::Excluded
    );
}
