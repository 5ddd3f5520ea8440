//! What a library needs of the system that loads it, and whether that is no more than it may need.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use goblin::Object;
use goblin::mach::{Mach, SingleArch};

mod elf;
mod macho;
mod pe;
mod rules;

use super::Platform;

/// A processor that a library is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Processor {
    X86_64,
    Arm64,
}

/// A system that a library is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    /// Linux and Android.
    Elf,
    /// Windows.
    Pe,
    /// macOS.
    MachO,
}

/// What one processor's part of a library exports and needs.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Facts {
    format: Format,
    processor: Processor,
    /// The names that other code can look up.
    exports: Vec<String>,
    /// The libraries that are loaded with it.
    libraries: BTreeSet<String>,
    /// ELF: the newest version of glibc that a name is imported from.
    glibc: Option<Version>,
    /// ELF: the smallest alignment of a segment that is loaded.
    alignment: Option<u64>,
    /// Mach-O: the oldest macOS that loads it.
    macos: Option<Version>,
    /// Mach-O: its signature.
    signature: Signature,
}

/// A version of glibc or macOS, the larger part first.
type Version = (u32, u32);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signature {
    Missing,
    /// It belongs to other bytes.
    Invalid,
    Valid,
}

impl Facts {
    fn new(format: Format, processor: Processor) -> Self {
        Self {
            format,
            processor,
            exports: Vec::new(),
            libraries: BTreeSet::new(),
            glibc: None,
            alignment: None,
            macos: None,
            signature: Signature::Missing,
        }
    }
}

/// Why a library must not be given to users of a platform; empty if it may be.
///
/// # Errors
/// When it is no library.
pub(crate) fn problems(platform: Platform, library: &[u8]) -> Result<Vec<String>> {
    Ok(rules::problems(platform, &read(library)?))
}

/// What a library needs, for people: `glibc 2.28`, `macOS 11.0 (arm64), 10.13 (x86_64)`.
///
/// # Errors
/// When it is no library.
pub(crate) fn needs(library: &[u8]) -> Result<String> {
    Ok(rules::needs(&read(library)?))
}

/// The facts of each processor's part.
fn read(library: &[u8]) -> Result<Vec<Facts>> {
    match Object::parse(library).context("not a library")? {
        Object::Elf(file) => Ok(vec![elf::read(&file)?]),
        Object::PE(file) => Ok(vec![pe::read(&file)?]),
        Object::Mach(Mach::Binary(file)) => Ok(vec![macho::read(&file, library)?]),
        Object::Mach(Mach::Fat(slices)) => {
            let mut facts = Vec::new();
            for (at, place) in slices.arches()?.iter().enumerate() {
                let SingleArch::MachO(file) = slices.get(at)? else {
                    bail!("a slice is no library");
                };
                facts.push(macho::read(&file, place.slice(library))?);
            }
            Ok(facts)
        }
        _ => bail!("not a library of a format that is known here"),
    }
}
