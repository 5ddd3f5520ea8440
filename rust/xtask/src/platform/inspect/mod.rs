//! What a library needs of the system that loads it, and whether that is no more than it may need.

use anyhow::{Context, Result, bail};
use goblin::Object;
use goblin::mach::{Mach, SingleArch};

mod elf;
mod facts;
mod macho;
mod pe;
mod rules;

use super::Platform;
use facts::Facts;

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::facts::{Format, Processor, Signature};
    use super::*;

    const LINUX: &[u8] = include_bytes!("../../../fixtures/libraries/linux.so");
    const MACOS: &[u8] = include_bytes!("../../../fixtures/libraries/macos.dylib");
    const WINDOWS: &[u8] = include_bytes!("../../../fixtures/libraries/windows.dll");

    fn facts(library: &[u8]) -> Facts {
        let mut facts = read(library).unwrap();
        assert_eq!(facts.len(), 1);
        facts[0].exports.sort();
        facts.remove(0)
    }

    #[test]
    fn a_linux_library_is_read() {
        let facts = facts(LINUX);
        assert_eq!(
            (facts.format, facts.processor),
            (Format::Elf, Processor::X86_64)
        );
        assert_eq!(facts.exports, ["openssl_dtls_init", "second"]);
        assert_eq!(facts.libraries, BTreeSet::from(["libc.so.6".to_owned()]));
        assert_eq!(facts.glibc, Some((2, 34)));
        assert_eq!(facts.alignment, Some(4096));
        assert_eq!(problems(Platform::LinuxX86_64, LINUX).unwrap().len(), 2);
        // Its names, libc.so.6 and the alignment.
        assert_eq!(problems(Platform::AndroidX86_64, LINUX).unwrap().len(), 3);
    }

    #[test]
    fn a_windows_library_is_read() {
        let facts = facts(WINDOWS);
        assert_eq!(
            (facts.format, facts.processor),
            (Format::Pe, Processor::X86_64)
        );
        assert_eq!(facts.exports, ["openssl_dtls_init", "second"]);
        assert_eq!(problems(Platform::WindowsX86_64, WINDOWS).unwrap().len(), 1);
    }

    #[test]
    fn a_macos_library_is_read_and_its_signature_checked() {
        let read = facts(MACOS);
        assert_eq!(
            (read.format, read.processor),
            (Format::MachO, Processor::Arm64)
        );
        assert_eq!(read.exports, ["_openssl_dtls_init", "_second"]);
        assert!(
            read.libraries
                .is_subset(&BTreeSet::from(["/usr/lib/libSystem.B.dylib".to_owned()]))
        );
        assert_eq!(read.macos, Some((11, 0)));
        assert_eq!(read.signature, Signature::Valid);
        let mut changed = MACOS.to_vec();
        changed[0x1000] ^= 1;
        assert_eq!(facts(&changed).signature, Signature::Invalid);
    }

    #[test]
    fn each_slice_of_a_universal_library_is_read() {
        let universal = super::super::universal::join(&[MACOS.to_vec()]).unwrap();
        let slices = read(&universal).unwrap();
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0].signature, Signature::Valid);
        let found = problems(Platform::Macos, &universal).unwrap();
        assert!(found[0].contains("it is for [Arm64]"), "{}", found[0]);
    }

    #[test]
    fn what_is_no_library_is_refused() {
        assert!(problems(Platform::LinuxX86_64, b"no library").is_err());
    }
}
