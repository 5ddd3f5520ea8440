//! Writes `fuzz/seeds`; with `--fixtures`, first the key and certificate that the sessions among them use.
//!
//! The program reads the fixtures when it is compiled: after `--fixtures`, run it again without.

use std::fs;
use std::path::Path;

use anyhow::Result;

fn main() -> Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    if std::env::args().any(|argument| argument == "--fixtures") {
        for (name, bytes) in fuzzing::seeds::make_fixtures()? {
            fs::write(fuzz.join("fixtures").join(name), bytes)?;
        }
        println!("fixtures written: now run this again without --fixtures");
        return Ok(());
    }
    let seeds = fuzzing::seeds::make()?;
    for (target, name, bytes) in &seeds {
        let folder = fuzz.join("seeds").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    let bytes: usize = seeds.iter().map(|(_, _, bytes)| bytes.len()).sum();
    println!("{} seeds, {bytes} bytes", seeds.len());
    Ok(())
}
