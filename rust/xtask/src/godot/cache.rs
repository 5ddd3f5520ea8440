//! The folder that holds Debian's Godot, unpacked once for all working trees of this user.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::apt::{self, Architecture};
use super::patch;
use crate::{cache, workspace};

/// Raise this when other packages are needed or the tree is prepared differently: a new tree is then made.
const LAYOUT: u32 = 1;

/// The packages that are unpacked, with all that they depend on.
const PACKAGES: &[&str] = &["godot", "openssl", "patchelf"];

/// Their programs in `usr/bin` that are run directly.
const PROGRAMS: &[&str] = &["godot", "openssl"];

/// The export template, unpacked on demand into the same tree; it uses the tree's libraries.
const TEMPLATE: &str = "godot-template-release";

/// GnuTLS' tools, in a tree of their own that is made on demand.
pub(crate) const GNUTLS_PROGRAMS: [&str; 2] = ["gnutls-cli", "gnutls-serv"];
const GNUTLS_PACKAGES: &[&str] = &["gnutls-bin", "patchelf"];

/// The unpacked programs.
pub(crate) struct Programs {
    /// Godot's editor build.
    pub(crate) godot: PathBuf,
    /// OpenSSL's command-line tool.
    pub(crate) openssl: PathBuf,
}

/// The unpacked programs; fetches and unpacks them if that has not been done.
pub(crate) fn programs() -> Result<Programs> {
    let tree = Tree::new(&folder()?);
    tree.provide(Tree::make)?;
    let bin = tree.root().join("usr/bin");
    Ok(Programs {
        godot: bin.join("godot"),
        openssl: bin.join("openssl"),
    })
}

/// The folder of GnuTLS' unpacked programs; fetches and unpacks them if that has not been done.
pub(crate) fn gnutls() -> Result<PathBuf> {
    let tree = Tree::new(&folder_of("gnutls")?);
    tree.provide(|tree| {
        tree.unpack("GnuTLS' tools", GNUTLS_PACKAGES, &GNUTLS_PROGRAMS)?;
        patch::verify_libraries(&tree.root(), &GNUTLS_PROGRAMS)?;
        tree.finish()
    })?;
    Ok(tree.root().join("usr/bin"))
}

/// Debian's export template for release builds; fetched if that has not been done.
pub(crate) fn release_template() -> Result<PathBuf> {
    programs()?;
    let tree = Tree::new(&folder()?);
    let template = tree.root().join("usr/bin").join(TEMPLATE);
    if !tree.has_template() {
        let _lock = cache::lock(&tree.folder.join("lock"))?;
        if !tree.has_template() {
            tree.add_template()?;
        }
    }
    Ok(template)
}

fn folder() -> Result<PathBuf> {
    folder_of("godot")
}

fn folder_of(what: &str) -> Result<PathBuf> {
    cache::folder(&format!("{what}-{}-{LAYOUT}", apt::RELEASE))
}

struct Tree {
    folder: PathBuf,
}

impl Tree {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("ready")
    }

    fn template_marker(&self) -> PathBuf {
        self.folder.join("template-ready")
    }

    /// Calls `make` to fetch and unpack the tree if that has not been done.
    ///
    /// Waits for another process that does the same, and uses what an interrupted one has downloaded.
    fn provide(&self, make: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        if self.is_ready() {
            return Ok(());
        }
        apt::check_system()?;
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("{} cannot be made", self.folder.display()))?;
        let _lock = cache::lock(&self.folder.join("lock"))?;
        if self.is_ready() {
            return Ok(());
        }
        make(self)
    }

    /// The programs contain the tree's path, so a tree that was moved is not ready.
    fn is_ready(&self) -> bool {
        cache::is_marked(&self.marker(), &self.root())
    }

    fn has_template(&self) -> bool {
        self.is_ready()
            && cache::is_marked(&self.template_marker(), &self.root())
            && self.root().join("usr/bin").join(TEMPLATE).is_file()
    }

    fn add_template(&self) -> Result<()> {
        workspace::step(&format!("Getting Debian's {TEMPLATE}"));
        let downloads = self.folder.join("apt-template");
        let packages = apt::download_alone(&downloads, &[TEMPLATE], Architecture::Own)?;
        apt::unpack(&packages, &self.root())?;
        patch::make_independent(&self.root(), &[TEMPLATE])?;
        patch::verify_libraries(&self.root(), &[TEMPLATE])
            .with_context(|| format!("remove {} and try again", self.folder.display()))?;
        cache::mark(&self.template_marker(), &self.root())?;
        fs::remove_dir_all(downloads)?;
        Ok(())
    }

    fn make(&self) -> Result<()> {
        self.unpack("Godot", PACKAGES, PROGRAMS)?;
        patch::verify(&self.root(), PROGRAMS)?;
        self.finish()
    }

    /// Fetches the packages with all that they depend on, and has the programs run from the tree.
    fn unpack(&self, what: &str, packages: &[&str], programs: &[&str]) -> Result<()> {
        workspace::step(&format!(
            "Getting {what} from Debian {} into {}",
            apt::RELEASE,
            self.folder.display()
        ));
        let packages = apt::download(&self.downloads(), packages, Architecture::Own)?;

        let unpacking = self.folder.join("unpacking");
        for old in [&unpacking, &self.root()] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        fs::create_dir(&unpacking)?;
        apt::unpack(&packages, &unpacking)?;
        fs::rename(&unpacking, self.root())?;

        workspace::step("Preparing the unpacked programs");
        patch::make_independent(&self.root(), programs)
    }

    /// What is unpacked has been verified.
    fn finish(&self) -> Result<()> {
        cache::mark(&self.marker(), &self.root())?;
        fs::remove_dir_all(self.downloads())?;
        Ok(())
    }

    fn downloads(&self) -> PathBuf {
        self.folder.join("apt")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_was_moved_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::new(&folder.path().join("one"));
        fs::create_dir(&tree.folder).unwrap();
        assert!(!tree.is_ready());
        let place = tree.root().to_str().unwrap().to_owned();
        fs::write(tree.marker(), place).unwrap();
        assert!(tree.is_ready());
        let moved = Tree::new(&folder.path().join("two"));
        fs::rename(&tree.folder, &moved.folder).unwrap();
        assert!(!moved.is_ready());
    }
}
