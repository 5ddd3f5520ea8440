//! Whether the addon has a library for what is exported.
//!
//! For each architecture the engine chooses one entry of the `.gdextension` file: of those whose tags are all among the
//! export's features, the one with the most tags (`GDExtensionLibraryLoader` in the engine's source).

/// The tag for all architectures at once (macOS).
const UNIVERSAL: &str = "universal";
/// The engine's names of architectures.
const ARCHITECTURES: &[&str] = &[
    "x86_32",
    "x86_64",
    "arm32",
    "arm64",
    "rv64",
    "ppc64",
    "wasm32",
    "loongarch64",
    UNIVERSAL,
];

/// Why some devices that run the game would have no library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// No entry of the `.gdextension` file is for the platform, or for these architectures of it.
    Entry {
        /// The architectures; none if the export has no such feature.
        architectures: Vec<String>,
    },
    /// An entry names a file that does not exist.
    File {
        /// The file.
        path: String,
    },
}

impl Lacking {
    /// Whether the addon supports the platform and a file of it is missing.
    pub fn is_a_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// The second half of a sentence, for a platform of that name.
    pub fn describe(&self, platform: &str) -> String {
        match self {
            Self::Entry { architectures } if architectures.is_empty() => {
                format!("the addon has no library for {platform}")
            }
            Self::Entry { architectures } => format!(
                "the addon has no library for {platform} on {}",
                architectures.join(", ")
            ),
            Self::File { path } => format!(
                "the addon's library for {platform} is missing, {path}; copy it from the addon's release"
            ),
        }
    }
}

/// What is lacking for an export with these features; `None` if every device gets a library.
///
/// `addon` is the path of the `.gdextension` file, and `entries` its libraries by their tags. `exists` says whether a
/// file exists, by its path in the project.
pub fn lacking(
    addon: &str,
    entries: &[(String, String)],
    features: &[String],
    exists: &dyn Fn(&str) -> bool,
) -> Option<Lacking> {
    let folder = addon.rfind('/').map_or("", |slash| &addon[..=slash]);
    let found: Vec<(&str, Option<&str>)> = libraries(entries, features).collect();
    if found.iter().any(|(_, library)| library.is_none()) {
        let without = found.iter().filter(|(_, library)| library.is_none());
        let architectures = without
            .map(|(architecture, _)| (*architecture).to_owned())
            .filter(|architecture| !architecture.is_empty())
            .collect();
        return Some(Lacking::Entry { architectures });
    }
    let paths = found.into_iter().filter_map(|(_, library)| library);
    paths
        .map(|library| {
            if library.contains("://") || library.starts_with('/') {
                library.to_owned()
            } else {
                format!("{folder}{library}")
            }
        })
        .find(|path| !exists(path))
        .map(|path| Lacking::File { path })
}

/// The library of each architecture among the features. Without such features: the platform's, under an empty name.
fn libraries<'e>(
    entries: &'e [(String, String)],
    features: &'e [String],
) -> impl Iterator<Item = (&'e str, Option<&'e str>)> {
    let is_architecture = |feature: &str| ARCHITECTURES.contains(&feature);
    let mut architectures: Vec<&str> = features
        .iter()
        .map(String::as_str)
        .filter(|feature| is_architecture(feature) && *feature != UNIVERSAL)
        .collect();
    if architectures.is_empty() {
        architectures.push("");
    }
    let has_universal = features.iter().any(|feature| feature == UNIVERSAL);
    architectures.sort_unstable();
    architectures.into_iter().map(move |architecture| {
        let has = move |tag: &str| {
            tag == architecture
                || has_universal && tag == UNIVERSAL
                || !is_architecture(tag) && features.iter().any(|feature| feature == tag)
        };
        let best = entries
            .iter()
            .filter(|(tags, _)| tags.split('.').all(|tag| has(tag.trim())))
            // The first of equals, as the engine does.
            .rev()
            .max_by_key(|(tags, _)| tags.split('.').count());
        (architecture, best.map(|(_, library)| library.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::libraries;

    fn found(entries: &[(&str, &str)], features: &str) -> Vec<(String, Option<String>)> {
        let own = |text: &&str| (*text).to_owned();
        let entries: Vec<(String, String)> =
            entries.iter().map(|(a, b)| (own(a), own(b))).collect();
        let features: Vec<String> = features.split(' ').map(str::to_owned).collect();
        libraries(&entries, &features)
            .map(|(name, library)| (name.to_owned(), library.map(str::to_owned)))
            .collect()
    }

    const ENTRIES: &[(&str, &str)] = &[
        ("linux.x86_64", "l"),
        ("macos", "m"),
        ("android.arm64", "a"),
        ("android.arm64.debug", "d"),
    ];

    #[test]
    fn an_entry_counts_if_all_its_tags_are_features() {
        let one = |features: &str| found(ENTRIES, features)[0].1.clone();
        assert_eq!(one("pc linux x86_64 release").as_deref(), Some("l"));
        assert_eq!(one("pc linux arm64 release"), None);
        assert_eq!(one("web wasm32 release"), None);
        assert_eq!(one("pc windows x86_64"), None);
    }

    #[test]
    fn the_entry_with_the_most_tags_is_taken() {
        let one = |features: &str| found(ENTRIES, features)[0].1.clone();
        assert_eq!(one("android arm64 debug").as_deref(), Some("d"));
        assert_eq!(one("android arm64 release").as_deref(), Some("a"));
    }

    #[test]
    fn every_architecture_of_a_package_is_checked() {
        let all = found(ENTRIES, "android arm64 arm32 release");
        assert_eq!(all[0], ("arm32".to_owned(), None));
        assert_eq!(all[1], ("arm64".to_owned(), Some("a".to_owned())));
        let universal = found(ENTRIES, "macos universal arm64 x86_64");
        assert!(
            universal
                .iter()
                .all(|(_, library)| library.as_deref() == Some("m"))
        );
        assert_eq!(universal.len(), 2);
    }
}
