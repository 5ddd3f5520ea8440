//! Libraries for Linux and Android.

use anyhow::{Result, bail};
use goblin::elf::Elf;
use goblin::elf::header::{EM_AARCH64, EM_X86_64};
use goblin::elf::program_header::PT_LOAD;

use super::facts::{Facts, Format, Processor, Version};

pub(super) fn read(file: &Elf<'_>) -> Result<Facts> {
    let processor = match file.header.e_machine {
        EM_X86_64 => Processor::X86_64,
        EM_AARCH64 => Processor::Arm64,
        other => bail!("for processors of type {other}"),
    };
    let mut facts = Facts::new(Format::Elf, processor);
    for symbol in file.dynsyms.iter() {
        if !symbol.is_import() && symbol.st_shndx != 0 {
            let name = file.dynstrtab.get_at(symbol.st_name).unwrap_or_default();
            facts.exports.push(name.to_owned());
        }
    }
    facts.libraries = file.libraries.iter().map(ToString::to_string).collect();
    let needed = file.verneed.iter().flat_map(|needed| needed.iter());
    let names = needed.flat_map(|library| {
        library
            .iter()
            .map(|version| version.vna_name)
            .collect::<Vec<_>>()
    });
    facts.glibc = names
        .filter_map(|name| glibc(file.dynstrtab.get_at(name)?))
        .max();
    let loaded = file
        .program_headers
        .iter()
        .filter(|it| it.p_type == PT_LOAD);
    facts.alignment = loaded.map(|segment| segment.p_align).min();
    Ok(facts)
}

/// Reads `GLIBC_2.28` and `GLIBC_2.2.5`.
fn glibc(name: &str) -> Option<Version> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::glibc;

    #[test]
    fn versions_of_glibc_are_compared_by_number() {
        assert!(glibc("GLIBC_2.28") > glibc("GLIBC_2.4"));
        assert_eq!(glibc("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc("GLIBC_PRIVATE"), None);
        assert_eq!(glibc("GCC_3.0"), None);
    }
}
