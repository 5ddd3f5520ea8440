//! Scripts built into scenes and resources in text form, `.tscn` and `.tres`.
//!
//! Such a script is a `[sub_resource type="GDScript"]`, or the `[resource]` of a `.tres` that is a script. Its text is
//! the string `script/source`. Follows the engine's core/variant/variant_parser.cpp, 4.6.

use std::borrow::Cow;
use std::ops::Range;

use crate::names::{Direction, Names};
use crate::script::{Script, replaced};

/// A scene or resource file and the scripts built into it.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    text: &'a str,
    scripts: Vec<BuiltIn<'a>>,
}

/// A script built into a scene or resource.
#[derive(Clone, Debug)]
pub struct BuiltIn<'a> {
    /// The resource's id: the script's path is the file's, `::`, and this. Empty for the resource of a `.tres`.
    pub id: &'a str,
    /// The script, its text unescaped.
    pub script: Script<'a>,
    anchors: Anchors,
}

impl<'a> Scene<'a> {
    /// Finds the scripts in a scene or resource file, in linear time. Leaves out scripts that the engine cannot read,
    /// for instance because of an invalid escape.
    pub fn scan(text: &'a str) -> Self {
        Self::scan_toward(Direction::ToAddon, text)
    }

    /// As [`Scene::scan`], for renaming in that direction.
    pub fn scan_toward(direction: Direction, text: &'a str) -> Self {
        let mut reader = Reader {
            text,
            direction,
            at: 0,
            scripts: Vec::new(),
        };
        reader.file();
        Self {
            text,
            scripts: reader.scripts,
        }
    }

    /// The scripts, in the file's order.
    pub fn scripts(&self) -> &[BuiltIn<'a>] {
        &self.scripts
    }

    /// The file's text with the names that its scripts use renamed, except those that `kept` returns for the index of
    /// the script in [`Scene::scripts`]. Borrowed if nothing changes.
    pub fn renamed(&self, kept: impl Fn(usize) -> Names) -> Cow<'a, str> {
        let edits = self
            .scripts
            .iter()
            .enumerate()
            .flat_map(|(index, built_in)| {
                let edits = built_in.script.edits(kept(index));
                edits.map(|(range, to)| (built_in.anchors.source_of(range), to))
            });
        replaced(self.text, edits)
    }
}

/// Maps offsets in an unescaped string to offsets in the file: pairs of both, each valid up to the next pair.
#[derive(Clone, Debug)]
struct Anchors(Vec<(usize, usize)>);

impl Anchors {
    /// The range in the file for a range in the string.
    fn source_of(&self, range: Range<usize>) -> Range<usize> {
        self.source_of_place(range.start)..self.source_of_place(range.end)
    }

    fn source_of_place(&self, place: usize) -> usize {
        let after = self.0.partition_point(|(value, _)| *value <= place);
        let (value, source) = self.0[after.saturating_sub(1)];
        source + place - value
    }
}

/// Reads a string literal, given the range of its contents. `None` if the engine rejects it.
fn unescape(text: &str, contents: Range<usize>) -> Option<(Cow<'_, str>, Anchors)> {
    let raw = &text[contents.clone()];
    let mut anchors = vec![(0, contents.start)];
    if !raw.contains('\\') {
        return Some((Cow::Borrowed(raw), Anchors(anchors)));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(escape) = rest.find('\\') {
        value.push_str(&rest[..escape]);
        anchors.push((value.len(), contents.end - rest.len() + escape));
        let (character, after) = unescaped(&rest[escape..])?;
        value.push(character);
        rest = after;
        anchors.push((value.len(), contents.end - rest.len()));
    }
    value.push_str(rest);
    Some((Cow::Owned(value), Anchors(anchors)))
}

/// The character for the escape at the start of `text`, and the text after it.
fn unescaped(text: &str) -> Option<(char, &str)> {
    let code = text[1..].chars().next()?;
    let after = &text[1 + code.len_utf8()..];
    let character = match code {
        'b' => '\u{8}',
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        'u' | 'U' => return code_point(text),
        other => other,
    };
    Some((character, after))
}

/// `\uXXXX`, `\UXXXXXX`, or two of them for a surrogate pair.
fn code_point(text: &str) -> Option<(char, &str)> {
    let (first, after) = hexadecimal(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, after));
    }
    let (second, after) = hexadecimal(after)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)?,
        after,
    ))
}

fn hexadecimal(text: &str) -> Option<(u32, &str)> {
    let length = match text.get(..2)? {
        "\\u" => 4,
        "\\U" => 6,
        _ => return None,
    };
    let digits = text.get(2..2 + length)?;
    let valid = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    Some((
        u32::from_str_radix(digits, 16).ok().filter(|_| valid)?,
        &text[2 + length..],
    ))
}

/// Reads the file: tags in brackets, and assignments of values to keys.
struct Reader<'a> {
    text: &'a str,
    direction: Direction,
    at: usize,
    scripts: Vec<BuiltIn<'a>>,
}

/// The parts of a tag that matter to the assignments after it.
#[derive(Clone, Copy, Default)]
struct Tag<'a> {
    name: &'a str,
    resource_type: &'a str,
    id: &'a str,
}

impl<'a> Reader<'a> {
    fn file(&mut self) {
        let mut file_type = "";
        let mut script_id = None;
        let mut key = "";
        while let Some(byte) = self.peek() {
            match byte {
                b';' => self.comment(),
                b'[' if key.is_empty() => {
                    let tag = self.tag();
                    script_id = match tag.name {
                        "sub_resource" if tag.resource_type == "GDScript" => Some(tag.id),
                        "resource" if file_type == "GDScript" => Some(""),
                        _ => None,
                    };
                    if tag.name == "gd_resource" {
                        file_type = tag.resource_type;
                    }
                }
                b'"' => key = self.string().map_or("", |contents| &self.text[contents]),
                b'=' => {
                    self.at += 1;
                    let value = self.value();
                    if let (Some(id), "script/source", Some(contents)) = (script_id, key, value) {
                        self.script(id, contents);
                    }
                    key = "";
                }
                byte if byte > b' ' => key = self.bare_word(),
                _ => self.at += 1,
            }
        }
    }

    fn script(&mut self, id: &'a str, contents: Range<usize>) {
        if let Some((value, anchors)) = unescape(self.text, contents) {
            self.scripts.push(BuiltIn {
                id,
                script: Script::scan_toward(self.direction, value),
                anchors,
            });
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// `[name key=value key=value]`
    fn tag(&mut self) -> Tag<'a> {
        self.at += 1;
        let mut tag = Tag::default();
        let mut key = "";
        while let Some(byte) = self.peek() {
            match byte {
                b']' => {
                    self.at += 1;
                    break;
                }
                b';' => self.comment(),
                b'=' => {
                    self.at += 1;
                    let value = self.value().map_or("", |contents| &self.text[contents]);
                    match key {
                        "type" => tag.resource_type = value,
                        "id" => tag.id = value,
                        _ => {}
                    }
                }
                byte if byte > b' ' => {
                    key = self.bare_word();
                    if tag.name.is_empty() {
                        tag.name = key;
                    }
                }
                _ => self.at += 1,
            }
        }
        tag
    }

    /// Skips a value. Returns the range of its contents if it is a string.
    fn value(&mut self) -> Option<Range<usize>> {
        while let Some(byte) = self.peek() {
            match byte {
                b';' => self.comment(),
                b'"' => return self.string(),
                b'&' | b'^' | b'@' => {
                    self.at += 1;
                    self.string();
                    return None;
                }
                b'[' | b'{' | b'(' => {
                    self.brackets();
                    return None;
                }
                byte if byte > b' ' => {
                    self.bare_word();
                    while let Some(b'[' | b'(') = self.peek() {
                        self.brackets();
                    }
                    return None;
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// Skips brackets and their contents.
    fn brackets(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b';' => self.comment(),
                b'"' => {
                    self.string();
                }
                _ => {
                    self.at += 1;
                    match byte {
                        b'[' | b'{' | b'(' => depth += 1,
                        b']' | b'}' | b')' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    if depth == 0 {
                        return;
                    }
                }
            }
        }
    }

    fn comment(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// Skips a string and returns the range of its contents. `None` if there is none or it does not end.
    fn string(&mut self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        if self.peek() != Some(b'"') {
            return None;
        }
        self.at += 1;
        let start = self.at;
        while let Some(found) = bytes
            .get(self.at..)
            .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
        {
            self.at += found + 1;
            if bytes[self.at - 1] == b'"' {
                return Some(start..self.at - 1);
            }
            self.at += 1;
        }
        self.at = bytes.len();
        None
    }

    /// Skips at least one character, and all up to a space or a special character.
    fn bare_word(&mut self) -> &'a str {
        let text = self.text;
        let rest = &text[self.at..];
        let ends = |c: char| c <= ' ' || "=[](){}\";,".contains(c);
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let length = rest.find(ends).unwrap_or(rest.len()).max(first);
        self.at += length;
        &rest[..length]
    }
}
