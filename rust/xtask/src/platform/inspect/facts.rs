//! What is read from a library.

use std::collections::BTreeSet;

/// A processor that a library is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Processor {
    X86_64,
    Arm64,
}

/// A system that a library is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// Linux and Android.
    Elf,
    /// Windows.
    Pe,
    /// macOS.
    MachO,
}

/// What one processor's part of a library exports and needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    pub(super) format: Format,
    pub(super) processor: Processor,
    /// The names that other code can look up.
    pub(super) exports: Vec<String>,
    /// The libraries that are loaded with it.
    pub(super) libraries: BTreeSet<String>,
    /// ELF: the newest version of glibc that a name is imported from.
    pub(super) glibc: Option<Version>,
    /// ELF: the smallest alignment of a segment that is loaded.
    pub(super) alignment: Option<u64>,
    /// Mach-O: the oldest macOS that loads it.
    pub(super) macos: Option<Version>,
    /// Mach-O: its signature.
    pub(super) signature: Signature,
}

/// A version of glibc or macOS, the larger part first.
pub(super) type Version = (u32, u32);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signature {
    Missing,
    /// It belongs to other bytes.
    Invalid,
    Valid,
}

impl Facts {
    pub(super) fn new(format: Format, processor: Processor) -> Self {
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
