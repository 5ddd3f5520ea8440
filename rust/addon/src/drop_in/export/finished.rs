//! Reads the game that an export wrote: what became of one of the project's files.
//!
//! The engine's own reader is switched off in the editor, so this one reads the directory of a `.pck`
//! (formats 2 and 3, `core/io/file_access_pack.cpp` in the engine's source), alone or at the end of a
//! program, and the engine's `ZIPReader` reads a `.zip` or `.apk`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use drop_in::scene::Scene;
use drop_in::{Names, Script};
use godot::builtin::PackedByteArray;
use godot::classes::ZipReader;
use godot::classes::file_access::CompressionMode;
use godot::global::Error;
use godot::obj::{Gd, NewGd};

/// What an exported game has of a file that is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// It was left out.
    Absent,
    /// Its text names none of the engine's classes but those that the file keeps.
    Renamed,
    /// Its text names the engine's classes.
    Engine,
    /// It is in a form that cannot be read here.
    Unknown,
}

/// An exported game's files.
pub(super) enum Finished {
    Pack(Pack),
    Zip(Gd<ZipReader>),
}

impl Finished {
    /// `None` if the file is in none of the forms that are read.
    pub(super) fn open(path: &Path) -> Option<Self> {
        if let Ok(pack) = Pack::open(path) {
            return Some(Self::Pack(pack));
        }
        let mut zip = ZipReader::new_gd();
        let opened = zip.open(&*path.to_string_lossy());
        (opened == Error::OK).then_some(Self::Zip(zip))
    }

    /// What there is of the file at `res://…` that the addon would have given that text.
    pub(super) fn content(&self, path: &str, renamed: &str) -> Content {
        let kept = uses(path, renamed);
        let as_text = match self.read(path) {
            Entry::None => None,
            Entry::Unreadable => return Content::Unknown,
            Entry::Bytes(bytes) => Some(verdict(path, &bytes, kept)),
        };
        let remapped = match self.read(&format!("{path}.remap")) {
            Entry::None => None,
            Entry::Unreadable => return Content::Unknown,
            Entry::Bytes(bytes) => Some(self.remapped(&bytes, kept)),
        };
        // The engine follows a remap first.
        remapped.or(as_text).unwrap_or(Content::Absent)
    }

    /// Reads `path="res://…"` of a `.remap` file, and what it leads to.
    fn remapped(&self, remap: &[u8], kept: Names) -> Content {
        let text = String::from_utf8_lossy(remap);
        let target = text
            .lines()
            .find_map(|line| line.strip_prefix("path=\"")?.strip_suffix('"'));
        let Some(target) = target else {
            return Content::Unknown;
        };
        match self.read(target) {
            Entry::Bytes(bytes) => verdict(target, &bytes, kept),
            Entry::None => Content::Absent,
            Entry::Unreadable => Content::Unknown,
        }
    }

    fn read(&self, path: &str) -> Entry {
        let name = path.strip_prefix("res://").unwrap_or(path);
        match self {
            Self::Pack(pack) => pack.read(name),
            Self::Zip(zip) => {
                let mut zip = zip.clone();
                for name in [name.to_owned(), format!("assets/{name}")] {
                    if zip.file_exists(&name) {
                        return Entry::Bytes(zip.read_file(&name).to_vec());
                    }
                }
                Entry::None
            }
        }
    }
}

enum Entry {
    None,
    /// It is encrypted, or a difference to another pack's.
    Unreadable,
    Bytes(Vec<u8>),
}

fn verdict(path: &str, bytes: &[u8], kept: Names) -> Content {
    let names = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("gd" | "tscn" | "tres") => {
            std::str::from_utf8(bytes).ok().map(|text| uses(path, text))
        }
        Some("gdc") => identifiers(bytes),
        _ => None,
    };
    match names {
        None => Content::Unknown,
        Some(names) if names.without(kept).is_empty() => Content::Renamed,
        Some(_) => Content::Engine,
    }
}

/// The engine's classes that a script, or one built into a scene, names.
fn uses(path: &str, text: &str) -> Names {
    if path.ends_with(".gd") {
        return Script::scan(text).uses();
    }
    let scene = Scene::scan(text);
    let scripts = scene.scripts().iter();
    scripts.fold(Names::NONE, |all, built_in| {
        all.union(built_in.script.uses())
    })
}

/// The engine's classes among the identifiers of a script in binary tokens
/// (`modules/gdscript/gdscript_tokenizer_buffer.cpp` in the engine's source).
fn identifiers(script: &[u8]) -> Option<Names> {
    /// No script is larger; the length stands in the file.
    const LARGEST: usize = 64 << 20;
    let rest = script.strip_prefix(b"GDSC")?;
    let size = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
    let packed = rest.get(8..)?;
    let contents = if size == 0 {
        packed.to_vec()
    } else if size <= LARGEST {
        PackedByteArray::from(packed)
            .decompress(size, CompressionMode::ZSTD)
            .ok()?
            .to_vec()
    } else {
        return None;
    };
    names_of_identifiers(&contents)
}

fn names_of_identifiers(contents: &[u8]) -> Option<Names> {
    let mut reader = contents;
    let count = u32_of(&mut reader).ok()?;
    reader = reader.get(12..)?;
    let mut names = Names::NONE;
    for _ in 0..count {
        let length = u32_of(&mut reader).ok()? as usize;
        let bytes = reader.get(..length.checked_mul(4)?)?;
        reader = &reader[bytes.len()..];
        let name: String = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|code| char::from_u32(u32::from_le_bytes(code.map(|byte| byte ^ 0xb6))))
            .collect::<Option<_>>()?;
        names = names.union(Names::named(&name));
    }
    Some(names)
}

/// The directory of a `.pck`.
pub(super) struct Pack {
    file: File,
    files: HashMap<String, Place>,
}

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    size: u64,
    is_plain: bool,
}

impl Pack {
    const MAGIC: &[u8; 4] = b"GDPC";
    const ENCRYPTED_DIRECTORY: u32 = 1;
    const RELATIVE: u32 = 2;
    const SPARSE: u32 = 4;
    const ENCRYPTED: u32 = 1;
    const REMOVED: u32 = 2;
    const DELTA: u32 = 4;

    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let start = Self::start(&mut file)?;
        file.seek(SeekFrom::Start(start + 4))?;
        let mut header = io::BufReader::new(&file);
        let format = u32_of(&mut header)?;
        header.seek_relative(12)?;
        let flags = u32_of(&mut header)?;
        let mut base = u64_of(&mut header)?;
        let is_known = format == 2 || format == 3;
        if !is_known || flags & (Self::ENCRYPTED_DIRECTORY | Self::SPARSE) != 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if format == 3 || flags & Self::RELATIVE != 0 {
            base += start;
        }
        if format == 3 {
            let directory = u64_of(&mut header)?;
            header.seek(SeekFrom::Start(start + directory))?;
        } else {
            header.seek_relative(16 * 4)?;
        }
        let count = u32_of(&mut header)?;
        let mut files = HashMap::new();
        for _ in 0..count {
            let length = u32_of(&mut header)?;
            let mut name = Vec::new();
            (&mut header)
                .take(u64::from(length))
                .read_to_end(&mut name)?;
            let name = String::from_utf8_lossy(&name);
            let name = name.trim_end_matches('\0').trim_start_matches("res://");
            let offset = base + u64_of(&mut header)?;
            let size = u64_of(&mut header)?;
            header.seek_relative(16)?;
            let flags = u32_of(&mut header)?;
            let place = Place {
                offset,
                size,
                is_plain: flags & (Self::ENCRYPTED | Self::DELTA) == 0,
            };
            if flags & Self::REMOVED == 0 {
                files.insert(name.to_owned(), place);
            }
        }
        Ok(Self { file, files })
    }

    /// Where the pack begins: at the file's start, or where the file's last twelve bytes say.
    fn start(file: &mut File) -> io::Result<u64> {
        let mut magic = [0; 4];
        file.read_exact(&mut magic)?;
        if &magic == Self::MAGIC {
            return Ok(0);
        }
        let end = file.seek(SeekFrom::End(-12))?;
        let size = u64_of(file)?;
        file.read_exact(&mut magic)?;
        let start = end.checked_sub(size);
        match start {
            Some(start) if &magic == Self::MAGIC => {
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut magic)?;
                if &magic == Self::MAGIC {
                    return Ok(start);
                }
                Err(io::ErrorKind::InvalidData.into())
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn read(&self, name: &str) -> Entry {
        let Some(place) = self.files.get(name) else {
            return Entry::None;
        };
        if !place.is_plain {
            return Entry::Unreadable;
        }
        let mut file = &self.file;
        let mut bytes = Vec::new();
        let read = file
            .seek(SeekFrom::Start(place.offset))
            .and_then(|_| file.take(place.size).read_to_end(&mut bytes));
        match read {
            Ok(length) if length as u64 == place.size => Entry::Bytes(bytes),
            _ => Entry::Unreadable,
        }
    }
}

fn u32_of(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn u64_of(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use drop_in::Names;

    use super::names_of_identifiers;

    #[test]
    fn identifiers_of_binary_tokens_are_read() {
        let mut contents = Vec::new();
        for number in [2_u32, 0, 0, 0] {
            contents.extend(number.to_le_bytes());
        }
        for name in ["peer", "DTLSServer"] {
            contents.extend((name.len() as u32).to_le_bytes());
            for code in name.chars() {
                contents.extend((code as u32).to_le_bytes().map(|byte| byte ^ 0xb6));
            }
        }
        assert_eq!(
            names_of_identifiers(&contents),
            Some(Names::named("DTLSServer"))
        );
        contents.truncate(30);
        assert_eq!(names_of_identifiers(&contents), None, "cut short");
    }
}
