//! Libraries for macOS.

use anyhow::{Context, Result, bail};
use goblin::mach::MachO;
use goblin::mach::cputype::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};
use goblin::mach::load_command::CommandVariant;
use openssl::sha::sha256;

use super::facts::{Facts, Format, Processor, Signature, Version};

/// `bytes` is the slice that `file` was parsed from.
pub(super) fn read(file: &MachO<'_>, bytes: &[u8]) -> Result<Facts> {
    let processor = match file.header.cputype() {
        CPU_TYPE_X86_64 => Processor::X86_64,
        CPU_TYPE_ARM64 => Processor::Arm64,
        other => bail!("for processors of type {other:#x}"),
    };
    let mut facts = Facts::new(Format::MachO, processor);
    facts.exports = file
        .exports()?
        .into_iter()
        .map(|export| export.name)
        .collect();
    // The parser counts the library itself, by both of its names.
    let is_own = |name: &str| name == "self" || file.name == Some(name);
    let libraries = file.libs.iter().filter(|name| !is_own(name));
    facts.libraries = libraries.map(ToString::to_string).collect();
    for command in &file.load_commands {
        match &command.command {
            CommandVariant::BuildVersion(build) => facts.macos = Some(version(build.minos)),
            CommandVariant::VersionMinMacosx(minimum) => {
                facts.macos = Some(version(minimum.version));
            }
            CommandVariant::CodeSignature(place) => {
                let (start, size) = (place.dataoff as usize, place.datasize as usize);
                let signature = bytes.get(start..start + size);
                let signature = signature.context("its signature is outside of the file")?;
                facts.signature = if is_valid(&bytes[..start], signature).unwrap_or(false) {
                    Signature::Valid
                } else {
                    Signature::Invalid
                };
            }
            _ => {}
        }
    }
    Ok(facts)
}

fn version(packed: u32) -> Version {
    (packed >> 16, (packed >> 8) & 0xff)
}

/// Whether the signature's hashes are those of the pages of `signed`; `None` if it is not of the usual form.
///
/// The layout is that of `cs_blobs.h` in XNU: an embedded signature holds a code directory, whose hashes stand one after
/// another. All numbers are big-endian.
fn is_valid(signed: &[u8], signature: &[u8]) -> Option<bool> {
    const EMBEDDED_SIGNATURE: u32 = 0xfade_0cc0;
    const CODE_DIRECTORY: u32 = 0xfade_0c02;
    const SHA_256: u8 = 2;

    if number(signature, 0)? != EMBEDDED_SIGNATURE {
        return None;
    }
    let blobs = number(signature, 8)? as usize;
    let places = (0..blobs).filter_map(|at| number(signature, 12 + at * 8 + 4));
    let mut directories = places.filter_map(|place| signature.get(place as usize..));
    let directory = directories.find(|blob| number(blob, 0) == Some(CODE_DIRECTORY))?;
    let hashes = number(directory, 16)? as usize;
    let count = number(directory, 28)? as usize;
    let limit = number(directory, 32)? as usize;
    let [size, kind] = [*directory.get(36)?, *directory.get(37)?];
    let page = 1_usize.checked_shl((*directory.get(39)?).into())?;
    if kind != SHA_256 || size != 32 || limit != signed.len() || count != limit.div_ceil(page) {
        return None;
    }
    let expected = directory.get(hashes..hashes + count * 32)?;
    let found = signed.chunks(page).map(sha256);
    Some(
        found
            .zip(expected.chunks(32))
            .all(|(found, expected)| found == expected),
    )
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
