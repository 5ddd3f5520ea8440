//! Libraries for Windows.

use anyhow::{Result, bail};
use goblin::pe::PE;
use goblin::pe::header::{COFF_MACHINE_ARM64, COFF_MACHINE_X86_64};

use super::facts::{Facts, Format, Processor};

pub(super) fn read(file: &PE<'_>) -> Result<Facts> {
    let processor = match file.header.coff_header.machine {
        COFF_MACHINE_X86_64 => Processor::X86_64,
        COFF_MACHINE_ARM64 => Processor::Arm64,
        other => bail!("for processors of type {other:#x}"),
    };
    let mut facts = Facts::new(Format::Pe, processor);
    let names = file
        .exports
        .iter()
        .map(|export| export.name.unwrap_or("(a number)"));
    facts.exports = names.map(str::to_owned).collect();
    // Windows compares their names without regard to case.
    facts.libraries = file
        .libraries
        .iter()
        .map(|name| name.to_lowercase())
        .collect();
    Ok(facts)
}
