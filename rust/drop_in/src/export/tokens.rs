//! The identifiers of a script that was exported as binary tokens, a `.gdc`
//! (`modules/gdscript/gdscript_tokenizer_buffer.cpp` in the engine's source).

use super::editor::Editor;
use crate::names::Names;

/// The engine's classes among a script's identifiers. `None` if it cannot be read.
pub(super) fn names_in(script: &[u8], editor: &dyn Editor) -> Option<Names> {
    /// A larger size in the file is an error.
    const MAX_SIZE: usize = 64 << 20;
    let rest = script.strip_prefix(b"GDSC")?;
    let size = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
    let packed = rest.get(8..)?;
    if size == 0 {
        names_of_identifiers(packed)
    } else if size <= MAX_SIZE {
        names_of_identifiers(&editor.decompress_zstd(packed, size)?)
    } else {
        None
    }
}

fn names_of_identifiers(contents: &[u8]) -> Option<Names> {
    let mut rest = contents;
    let count = take_u32(&mut rest)?;
    // The numbers of constants, lines and tokens.
    rest = rest.get(12..)?;
    let mut names = Names::NONE;
    for _ in 0..count {
        let length = take_u32(&mut rest)? as usize;
        let (bytes, after) = rest.split_at_checked(length.checked_mul(4)?)?;
        rest = after;
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

fn take_u32(from: &mut &[u8]) -> Option<u32> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

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
