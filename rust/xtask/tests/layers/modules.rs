//! Which file of a crate takes names from which, read from the text of `use` declarations and paths.
//!
//! It relies on rustfmt's form, and knows no macros and no glob imports. A name that a module re-exports belongs to the
//! file that defines it, and `pub use` alone is no dependence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's or an item's path: the names from the crate's root on.
type Names = Vec<String>;

/// The modules of a crate.
pub(crate) struct Modules(BTreeMap<Names, Module>);

struct Module {
    /// Names that `use` declarations bring in, and where they come from.
    imports: BTreeMap<String, Names>,
    /// Those of `use` declarations without `pub`.
    private: BTreeSet<Names>,
    /// Every path of two names or more.
    paths: BTreeSet<Names>,
}

impl Modules {
    /// Reads all files of the folder `src`.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut modules = Self(BTreeMap::new());
        modules.add_folder(&[], folder);
        modules
    }

    fn add_folder(&mut self, place: &[String], folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let inner = [place, &[name.to_string()]].concat();
            if path.is_dir() && name != "bin" {
                self.add_folder(&inner, &path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let is_folders = ["lib", "main", "mod"].contains(&&*name);
                let place = if is_folders { place.to_vec() } else { inner };
                let text = fs::read_to_string(&path).expect("a source file");
                self.0.insert(place, Module::read(&text));
            }
        }
    }

    /// Each dependence that is part of a cycle, as `MODULE -> MODULE: NAMES`.
    pub(crate) fn cycles(&self) -> Vec<String> {
        let mut arrows: BTreeMap<(&Names, Names), BTreeSet<&str>> = BTreeMap::new();
        for (place, module) in &self.0 {
            for path in module.paths.iter().chain(&module.private) {
                let target = self.resolve(place, path, 0);
                if let (Some(target), Some(name)) = (target.filter(|it| it != place), path.last()) {
                    arrows.entry((place, target)).or_default().insert(name);
                }
            }
        }
        let line = |((from, to), names): (&(&Names, Names), &BTreeSet<&str>)| {
            let names: Vec<&str> = names.iter().copied().collect();
            let [from, to] = [from, to].map(|it| format!("crate::{}", it.join("::")));
            format!("{from} -> {to}: {}", names.join(", "))
        };
        let in_cycle = |(from, to): &(&Names, Names)| {
            let mut reached = BTreeSet::from([to]);
            let mut open = vec![to];
            while let Some(place) = open.pop() {
                let next = arrows.keys().filter(|(from, _)| *from == place);
                open.extend(next.map(|(_, to)| to).filter(|to| reached.insert(*to)));
            }
            reached.contains(from)
        };
        arrows
            .iter()
            .filter(|(arrow, _)| in_cycle(arrow))
            .map(line)
            .collect()
    }

    /// The module that defines what a path in `from` names; nothing for what is not in this crate.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.descend(&[], rest, depth),
            "self" => self.descend(from, rest, depth),
            "super" => self.descend(&from[..from.len().checked_sub(1)?], rest, depth),
            _ => self
                .descend(from, path, depth)
                .filter(|found| found != from),
        }
    }

    fn descend(&self, place: &[String], path: &[String], depth: usize) -> Option<Names> {
        let Some((first, rest)) = path.split_first() else {
            return Some(place.to_vec());
        };
        let inner = [place, std::slice::from_ref(first)].concat();
        if first == "super" {
            return self.resolve(place, path, depth);
        } else if self.0.contains_key(&inner) {
            return self.descend(&inner, rest, depth);
        }
        match self.0.get(place)?.imports.get(first) {
            // Some imports bear the name of the crate that they come from.
            Some(import) if import[0] != *first && depth < 8 => {
                self.resolve(place, &[import, rest].concat(), depth + 1)
            }
            Some(_) => None,
            None => Some(place.to_vec()),
        }
    }
}

impl Module {
    fn read(text: &str) -> Self {
        let mut module = Self {
            imports: BTreeMap::new(),
            private: BTreeSet::new(),
            paths: BTreeSet::new(),
        };
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let lines = code
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        let code: String = lines.flat_map(|line| [line.trim(), "\n"]).collect();
        for statement in code.split(';') {
            let (before, tree) = statement.rsplit_once("use ").unwrap_or((statement, ""));
            module.add_paths(before);
            let visibility = before.rsplit('\n').next().unwrap_or_default();
            if visibility.is_empty() || visibility.starts_with("pub") {
                let tree = tree.replace(char::is_whitespace, " ");
                module.import(&[], &tree, visibility.is_empty());
            } else {
                module.add_paths(tree);
            }
        }
        module
    }

    fn add_paths(&mut self, code: &str) {
        for path in code.split(|c: char| c != '_' && c != ':' && !c.is_alphanumeric()) {
            let names: Names = path
                .trim_matches(':')
                .split("::")
                .map(str::to_owned)
                .collect();
            if names.len() > 1 {
                self.paths.insert(names);
            }
        }
    }

    /// Reads `a::b`, `a::b as c`, or `a::{b, c::d}`, which stand behind the names `before`.
    fn import(&mut self, before: &[String], tree: &str, is_private: bool) {
        let tree = tree.trim();
        if let Some((prefix, inner)) = tree.split_once('{') {
            let names = prefix.trim().split_terminator("::").map(str::to_owned);
            let before: Names = before.iter().cloned().chain(names).collect();
            let inner = inner.strip_suffix('}').unwrap_or(inner);
            let mut depth = 0;
            let branches = inner.split(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                c == ',' && depth == 0
            });
            branches.for_each(|branch| self.import(&before, branch, is_private));
        } else if !tree.is_empty() {
            let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
            let names = path
                .trim()
                .split("::")
                .filter(|it| *it != "self" || before.is_empty());
            let path: Names = before
                .iter()
                .cloned()
                .chain(names.map(str::to_owned))
                .collect();
            let name = if alias.is_empty() {
                path[path.len() - 1].clone()
            } else {
                alias.to_owned()
            };
            if is_private {
                self.private.insert(path.clone());
            }
            self.imports.insert(name, path);
        }
    }
}

#[test]
fn a_cycle_is_found_through_a_re_export_and_a_comment_is_none() {
    let place = |name: &str| {
        name.split_terminator("::")
            .map(str::to_owned)
            .collect::<Names>()
    };
    let mut modules = Modules(BTreeMap::from([
        (
            place(""),
            Module::read("mod a;\nmod b;\npub use a::{One, inner as other};\nmod c;\n"),
        ),
        (
            place("a"),
            Module::read("use crate::b::{self, Two};\nfn f() { b::g() }\n"),
        ),
        (
            place("b"),
            Module::read("// crate::a::One\nfn g() { super::c::h() }\n"),
        ),
        (
            place("c"),
            Module::read("fn h() {}\nmod tests {\nuse crate::a::One;\n}\n"),
        ),
    ]));
    assert_eq!(modules.cycles(), Vec::<String>::new());
    modules.0.insert(
        place("c"),
        Module::read("use crate::{\n    One,\n};\nfn h() {}\n"),
    );
    let a_to_b = "crate::a -> crate::b: Two, b, g";
    let expected = [
        a_to_b,
        "crate::b -> crate::c: h",
        "crate::c -> crate::a: One",
    ];
    assert_eq!(modules.cycles(), expected);
}
