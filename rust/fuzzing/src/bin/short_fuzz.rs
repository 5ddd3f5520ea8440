//! A fuzz without a fuzzer, on stable Rust: all seeds of a target, then random changes of them.
//!
//! `short_fuzz TARGET SECONDS SEEDS INPUT` keeps the input that runs in the file INPUT, so that it is there after a crash,
//! whatever kind of crash it is. `short_fuzz TARGET INPUT` runs that one again.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use fuzzing::mutate::Mutator;
use fuzzing::{Target, target};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let find = |name| target(name).with_context(|| format!("there is no target {name}"));
    match arguments[..] {
        [name, seconds, seeds, input] => {
            let time = Duration::from_secs(seconds.parse()?);
            fuzz(find(name)?, time, Path::new(seeds), Path::new(input))
        }
        [name, input] => {
            (find(name)?.run)(&fs::read(input)?);
            println!("{name}: nothing wrong with {input}");
            Ok(())
        }
        _ => bail!("usage: short_fuzz TARGET SECONDS SEEDS INPUT, or short_fuzz TARGET INPUT"),
    }
}

fn fuzz(target: Target, time: Duration, seeds: &Path, input: &Path) -> Result<()> {
    let end = Instant::now() + time;
    let seeds = read_all(seeds)?;
    let number = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_nanos() as u64;
    let mut mutator = Mutator::new(&seeds, number);
    let mut current = File::create(input)?;
    let mut run = |bytes: &[u8]| -> Result<()> {
        current.rewind()?;
        current.write_all(bytes)?;
        current.set_len(bytes.len() as u64)?;
        (target.run)(bytes);
        Ok(())
    };
    for seed in &seeds {
        run(seed)?;
    }
    let mut runs = seeds.len();
    while Instant::now() < end {
        run(&mutator.next_input())?;
        runs += 1;
    }
    fs::remove_file(input)?;
    println!("{}: {runs} runs", target.name);
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        paths.push(entry?.path());
    }
    ensure!(!paths.is_empty(), "no seeds in {}", folder.display());
    paths.sort();
    Ok(paths.iter().map(fs::read).collect::<Result<_, _>>()?)
}
