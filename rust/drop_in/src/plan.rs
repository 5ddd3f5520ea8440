//! A whole project: whether it uses DTLS at all, and which names each of its scripts keeps.

use std::collections::HashMap;

use crate::names::{Direction, Names};
use crate::script::{Extends, Script};

/// A script of a project.
#[derive(Clone, Copy, Debug)]
pub struct Source<'p, 'a> {
    /// Its path, `res://...`; for one that is built in, the file's path, `::` and the resource's id.
    pub path: &'p str,
    /// Its `uid://...`, if known. Needed only where another script extends or preloads it by that.
    pub uid: Option<&'p str>,
    /// What it says.
    pub script: &'p Script<'a>,
}

/// An autoload that the project's settings make a global name.
#[derive(Clone, Debug)]
pub struct Autoload {
    /// The global name.
    pub name: String,
    /// The script or scene, `res://...`.
    pub path: String,
}

/// What is renamed in which script of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    uses_dtls: bool,
    kept: Vec<Names>,
}

impl Plan {
    /// Whether the project uses DTLS, or any name of the addon's on the way back. If not, nothing is renamed.
    pub fn uses_dtls(&self) -> bool {
        self.uses_dtls
    }

    /// The names that the script at that place keeps because something else bears them, whether or not the project uses
    /// DTLS.
    pub fn own(&self, index: usize) -> Names {
        self.kept[index]
    }

    /// The names that the script at that place keeps; all of them, if the project does not use DTLS.
    pub fn kept(&self, index: usize) -> Names {
        if self.uses_dtls {
            self.kept[index]
        } else {
            Names::ALL
        }
    }
}

/// Decides for a project as a whole.
///
/// Renaming is all or nothing, because peers travel between scripts: if any script uses DTLSServer, PacketPeerDTLS or
/// TlsOptions as the engine's, the five names are renamed everywhere; [`Direction::ToEngine`], any of the addon's names is
/// enough. All scripts are read in one direction. A script keeps a name
/// - that it declares itself or that a script it extends declares, at any distance;
/// - that the project gives to a global class (`class_name`) or to an autoload.
///
/// `sources` may leave out scripts that mention none of the names, but not those that stand between two others in a
/// chain of `extends`: where a script that [`Script::declares`] a name exists, give all.
pub fn plan(sources: &[Source<'_, '_>], autoloads: &[Autoload]) -> Plan {
    let direction = sources
        .first()
        .map_or(Direction::default(), |source| source.script.direction());
    let global = global_names(sources, autoloads, direction);
    let inherited = inherited_names(sources, autoloads);
    let kept: Vec<Names> = inherited
        .into_iter()
        .map(|names| names.union(global))
        .collect();
    let uses_dtls = sources.iter().zip(&kept).any(|(source, kept)| {
        let renamed = source.script.uses().without(*kept);
        !renamed.intersection(direction.decisive()).is_empty()
    });
    Plan { uses_dtls, kept }
}

fn global_names(sources: &[Source<'_, '_>], autoloads: &[Autoload], direction: Direction) -> Names {
    let classes = sources
        .iter()
        .filter_map(|source| source.script.class_name());
    let singletons = autoloads.iter().map(|autoload| autoload.name.as_str());
    classes.chain(singletons).fold(Names::NONE, |names, name| {
        names.union(direction.taken_by(name))
    })
}

/// For each script, what it declares and what those that it extends declare, chains and circles included.
fn inherited_names(sources: &[Source<'_, '_>], autoloads: &[Autoload]) -> Vec<Names> {
    let mut names: Vec<Names> = sources
        .iter()
        .map(|source| source.script.declares())
        .collect();
    let mut changed: Vec<usize> = (0..sources.len())
        .filter(|&index| !names[index].is_empty())
        .collect();
    if changed.is_empty() {
        return names;
    }
    let heirs = heirs(sources, autoloads);
    while let Some(base) = changed.pop() {
        for &heir in &heirs[base] {
            let both = names[heir].union(names[base]);
            if both != names[heir] {
                names[heir] = both;
                changed.push(heir);
            }
        }
    }
    names
}

/// For each script, those that extend it or one of its classes.
fn heirs(sources: &[Source<'_, '_>], autoloads: &[Autoload]) -> Vec<Vec<usize>> {
    let index = Index::new(sources, autoloads);
    let mut heirs = vec![Vec::new(); sources.len()];
    for (heir, source) in sources.iter().enumerate() {
        for extends in source.script.extends() {
            for base in index.bases(source, &extends) {
                heirs[base].push(heir);
            }
        }
    }
    heirs
}

/// Scripts by what other scripts call them.
struct Index<'p> {
    by_path: HashMap<&'p str, usize>,
    by_global_name: HashMap<&'p str, usize>,
    by_constant: HashMap<&'p str, Vec<usize>>,
}

impl<'p> Index<'p> {
    fn new(sources: &[Source<'p, '_>], autoloads: &'p [Autoload]) -> Self {
        let mut index = Self {
            by_path: HashMap::new(),
            by_global_name: HashMap::new(),
            by_constant: HashMap::new(),
        };
        for (place, source) in sources.iter().enumerate() {
            index.by_path.insert(source.path, place);
            index.by_path.extend(source.uid.map(|uid| (uid, place)));
            index
                .by_global_name
                .extend(source.script.class_name().map(|name| (name, place)));
        }
        for autoload in autoloads {
            if let Some(&place) = index.by_path.get(autoload.path.as_str()) {
                index
                    .by_global_name
                    .entry(autoload.name.as_str())
                    .or_insert(place);
            }
        }
        for source in sources {
            for (constant, path) in source.script.preloads() {
                if let Some(place) = index.at_path(source.path, path) {
                    let places = index.by_constant.entry(constant).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                }
            }
        }
        index
    }

    /// The scripts that an `extends` of the given script leads to or through.
    ///
    /// A constant that preloads a script may be inherited itself, so those of all scripts count, by their names. That
    /// can be one too many, and then a script keeps a name that it need not have kept.
    fn bases(&self, source: &Source<'_, '_>, extends: &Extends<'_>) -> Vec<usize> {
        let by_path = extends
            .path
            .and_then(|path| self.at_path(source.path, path));
        let by_name = extends.names.iter().flat_map(|name| {
            let constants = self.by_constant.get(name).into_iter().flatten().copied();
            self.by_global_name
                .get(name)
                .copied()
                .into_iter()
                .chain(constants)
        });
        by_path.into_iter().chain(by_name).collect()
    }

    /// The script at a path as written in the script at `from`.
    fn at_path(&self, from: &str, path: &str) -> Option<usize> {
        self.by_path
            .get(path)
            .or_else(|| self.by_path.get(absolute(from, path).as_str()))
            .copied()
    }
}

/// A path as the engine resolves it: relative to the script that names it, without `.` and `..`.
fn absolute(from: &str, path: &str) -> String {
    let file = from.split("::").next().unwrap_or(from);
    let folder = file.rfind('/').map_or("", |slash| &file[..=slash]);
    let joined = if path.contains("://") {
        path.to_owned()
    } else {
        format!("{folder}{path}")
    };
    let (scheme, rest) = joined.split_once("://").unwrap_or(("res", &joined));
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{scheme}://{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn paths_are_relative_to_the_script_that_names_them() {
        assert_eq!(absolute("res://a/b.gd", "c.gd"), "res://a/c.gd");
        assert_eq!(absolute("res://a/b.gd", "../c/./d.gd"), "res://c/d.gd");
        assert_eq!(absolute("res://b.gd", "res://a//c.gd"), "res://a/c.gd");
        assert_eq!(
            absolute("res://a/b.tscn::GDScript_1", "c.gd"),
            "res://a/c.gd"
        );
        assert_eq!(absolute("b.gd", "../c.gd"), "res://c.gd");
    }
}
