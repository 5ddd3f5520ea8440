//! Reads a `.pck`, alone or at the end of a program, formats 2 and 3 (`core/io/file_access_pack.cpp` in the engine's
//! source). The engine's own reader is switched off in the editor.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// What a pack has of a file.
pub(super) enum Content {
    /// Nothing.
    None,
    /// It is encrypted, or the difference to a file of another pack.
    Unreadable,
    /// Its bytes.
    Bytes(Vec<u8>),
}

/// A pack and its directory.
pub(super) struct Pack {
    file: File,
    files: HashMap<String, Location>,
}

#[derive(Clone, Copy)]
struct Location {
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

    /// Reads the directory. Fails for packs whose directory is encrypted.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
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
            let location = Location {
                offset,
                size,
                is_plain: flags & (Self::ENCRYPTED | Self::DELTA) == 0,
            };
            if flags & Self::REMOVED == 0 {
                files.insert(name.to_owned(), location);
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

    /// Reads a file, whose name is without `res://`.
    pub(super) fn read(&self, name: &str) -> Content {
        let Some(location) = self.files.get(name) else {
            return Content::None;
        };
        if !location.is_plain {
            return Content::Unreadable;
        }
        let mut file = &self.file;
        let mut bytes = Vec::new();
        let read = file
            .seek(SeekFrom::Start(location.offset))
            .and_then(|_| file.take(location.size).read_to_end(&mut bytes));
        match read {
            Ok(length) if length as u64 == location.size => Content::Bytes(bytes),
            _ => Content::Unreadable,
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
