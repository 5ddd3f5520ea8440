//! One library for both processors that macOS runs on.

use anyhow::{Context, Result};
use fat_macho::FatWriter;

/// Joins libraries for one processor each; their signatures stay valid.
pub(super) fn join(slices: &[Vec<u8>]) -> Result<Vec<u8>> {
    let mut writer = FatWriter::new();
    for slice in slices {
        writer.add(slice).context("no library for macOS")?;
    }
    let mut universal = Vec::new();
    writer
        .write_to(&mut universal)
        .context("the libraries for macOS cannot be joined")?;
    Ok(universal)
}
