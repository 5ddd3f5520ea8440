//! The plan for a project: whether it uses DTLS, and which names each of its scripts keeps.

use std::collections::HashMap;

use crate::names::{Direction, Names};
use crate::script::{Extends, Script};

/// A script of a project.
#[derive(Clone, Copy, Debug)]
pub struct Source<'p, 'a> {
    /// Its path, `res://...`; of a built-in script the file's path, `::` and the resource's id.
    pub path: &'p str,
    /// Its `uid://...`, if known. Other scripts can extend or preload it by that.
    pub uid: Option<&'p str>,
    /// The script, parsed.
    pub script: &'p Script<'a>,
}

/// An autoload that is a global variable.
#[derive(Clone, Debug)]
pub struct Autoload {
    /// The global name.
    pub name: String,
    /// The script or scene, `res://...`.
    pub path: String,
}

/// What is renamed in each script of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    renamed: Names,
    encrypted: Names,
    kept: Vec<Names>,
}

impl Plan {
    /// The names that are renamed, but in scripts that keep some. None, if the project does not use DTLS.
    pub fn renamed(&self) -> Names {
        self.renamed
    }

    /// Of [`Plan::renamed`], the names that are renamed because the project uses DTLS with them.
    pub fn encrypted(&self) -> Names {
        self.encrypted
    }

    /// The names that the script with that index uses for something else, whether or not the project uses DTLS.
    pub fn own(&self, index: usize) -> Names {
        self.kept[index]
    }

    /// The names that are not renamed in the script with that index.
    pub fn kept(&self, index: usize) -> Names {
        self.kept[index].union(Names::ALL.without(self.renamed))
    }
}

/// Makes the plan for a project.
///
/// All scripts are renamed or none, because scripts pass peers to one another:
/// - if any script uses DTLSServer, PacketPeerDTLS or TlsOptions as the engine's, these and the UDP classes are renamed
///   everywhere;
/// - if any script calls `dtls_server_setup` or `dtls_client_setup`, ENet's classes are;
/// - the names in `always` are in any case.
///
/// With [`Direction::ToEngine`], any of the addon's names is enough, and all are renamed. All scripts have to be scanned
/// for the same direction. A script keeps a name
/// - that it declares, or that a script declares which it extends, directly or not;
/// - that is a global class (`class_name`) or an autoload of the project.
///
/// `sources` can leave out scripts that contain none of the names and methods, as long as no script
/// [`declares`](Script::declares) a name: such scripts can be in a chain of `extends`.
pub fn plan(sources: &[Source<'_, '_>], autoloads: &[Autoload], always: Names) -> Plan {
    let direction = sources
        .first()
        .map_or(Direction::default(), |source| source.script.direction());
    let global = global_names(sources, autoloads, direction);
    let inherited = inherited_names(sources, autoloads);
    let kept: Vec<Names> = inherited
        .into_iter()
        .map(|names| names.union(global))
        .collect();
    let used = sources
        .iter()
        .zip(&kept)
        .map(|(source, kept)| source.script.uses().without(*kept))
        .fold(Names::NONE, Names::union);
    let encrypted = match direction {
        Direction::ToEngine if used.is_empty() => Names::NONE,
        Direction::ToEngine => Names::ALL,
        Direction::ToAddon => {
            let calls = sources
                .iter()
                .map(|source| source.script.revealed_by_calls());
            used.revealed().union(calls.fold(Names::NONE, Names::union))
        }
    };
    Plan {
        renamed: encrypted.union(always),
        encrypted,
        kept,
    }
}

fn global_names(sources: &[Source<'_, '_>], autoloads: &[Autoload], direction: Direction) -> Names {
    let classes = sources
        .iter()
        .filter_map(|source| source.script.class_name());
    let singletons = autoloads.iter().map(|autoload| autoload.name.as_str());
    classes.chain(singletons).fold(Names::NONE, |names, name| {
        names.union(direction.hidden_by(name))
    })
}

/// For each script, what it and the scripts that it extends declare. Handles cycles.
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
    let subclasses = subclasses(sources, autoloads);
    while let Some(base) = changed.pop() {
        for &subclass in &subclasses[base] {
            let both = names[subclass].union(names[base]);
            if both != names[subclass] {
                names[subclass] = both;
                changed.push(subclass);
            }
        }
    }
    names
}

/// For each script, the scripts that extend it or one of its classes.
fn subclasses(sources: &[Source<'_, '_>], autoloads: &[Autoload]) -> Vec<Vec<usize>> {
    let index = Index::new(sources, autoloads);
    let mut subclasses = vec![Vec::new(); sources.len()];
    for (subclass, source) in sources.iter().enumerate() {
        for extends in source.script.extends() {
            for base in index.bases(source, &extends) {
                subclasses[base].push(subclass);
            }
        }
    }
    subclasses
}

/// Scripts by how other scripts refer to them.
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

    /// The scripts that an `extends` of the given script refers to.
    ///
    /// A constant that preloads a script can be inherited, so constants of all scripts count, by their names. If that
    /// is the wrong constant, a script keeps a name that could be renamed.
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

    /// The script at a path that is written in the script at `from`.
    fn at_path(&self, from: &str, path: &str) -> Option<usize> {
        self.by_path
            .get(path)
            .or_else(|| self.by_path.get(absolute(from, path).as_str()))
            .copied()
    }
}

/// A path as the engine resolves it: relative to the script at `from`, without `.` and `..`.
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
    fn paths_are_relative_to_the_script_that_contains_them() {
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
