//! Keys and certificates out of the engine's objects, as PEM text.
//!
//! What the engine's `save_to_string` methods give is not all that their objects hold. Of a
//! certificate chain it is the first certificate, once for each in the chain (Godot 4.6,
//! `X509CertificateMbedTLS::save_to_string`); of a key that mbedTLS cannot read, such as Ed25519, it
//! is nothing. A resource that `load()` made knows its file, which holds the rest.

use std::sync::{Mutex, PoisonError};

use godot::builtin::GString;
use godot::classes::{CryptoKey, Engine, FileAccess, Resource, X509Certificate};
use godot::global::Error;
use godot::obj::{Gd, GodotClass, Inherits, NewGd, Singleton};

/// A key or certificate as a script gave it.
pub(crate) enum Credential<T: GodotClass> {
    Object(Gd<T>),
    Pem(String),
}

impl<T: GodotClass> Clone for Credential<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Object(object) => Self::Object(object.clone()),
            Self::Pem(pem) => Self::Pem(pem.clone()),
        }
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// What a key object holds.
pub(crate) enum Key {
    /// PEM of a private key, as far as can be told without reading it.
    Private(String),
    PublicOnly,
    Empty,
}

/// A key's PEM: the object's, or its file's.
pub(crate) fn of_key(key: &Credential<CryptoKey>) -> Key {
    let mut key = match key {
        Credential::Object(key) => key.clone(),
        Credential::Pem(pem) => return Key::Private(pem.clone()),
    };
    let own = readable(&quietly(|| key.save_to_string().to_string()));
    if !own.is_empty() {
        return Key::Private(own);
    }
    // `is_public_only()` is true for an empty object as well, so the text is read instead.
    let public = quietly(|| key.save_to_string_ex().public_only(true).done());
    if !public.is_empty() {
        return Key::PublicOnly;
    }
    let file = file_of(&key);
    if file.is_empty() {
        Key::Empty
    } else {
        Key::Private(file)
    }
}

/// A certificate and the chain behind it.
pub(crate) struct Certificates {
    pub(crate) pem: String,
    /// How many certificates of the chain the object holds and does not give.
    pub(crate) missing: usize,
}

/// A certificate's PEM, with its chain where that can be had.
pub(crate) fn of_certificate(certificate: &Credential<X509Certificate>) -> Certificates {
    let complete = |pem| Certificates { pem, missing: 0 };
    let mut certificate = match certificate {
        Credential::Object(certificate) => certificate.clone(),
        Credential::Pem(pem) => return complete(pem.clone()),
    };
    let own = quietly(|| certificate.save_to_string().to_string());
    let file = file_of(&certificate);
    let Some(first) = blocks(&own).next() else {
        return complete(file);
    };
    // The object may have been changed since it was loaded.
    let is_of_file = blocks(&file)
        .next()
        .is_some_and(|in_file| letters(in_file).eq(letters(first)));
    if is_of_file {
        return complete(file);
    }
    Certificates {
        pem: first.to_owned(),
        missing: blocks(&own).count() - 1,
    }
}

/// Runs an engine method without the errors that it prints needlessly: for an empty object, and for
/// every certificate saved (the engine counts the terminator as part of the text).
///
/// The switch is the whole process's: two threads that save and restore it in turns could leave it
/// off for good.
fn quietly<R>(run: impl FnOnce() -> R) -> R {
    static SWITCH: Mutex<()> = Mutex::new(());
    let _turn = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let mut engine = Engine::singleton();
    let printing = engine.is_printing_error_messages();
    engine.set_print_error_messages(false);
    let result = run();
    engine.set_print_error_messages(printing);
    result
}

fn file_of<T: Inherits<Resource>>(resource: &Gd<T>) -> String {
    let path = resource.clone().upcast::<Resource>().get_path();
    of_file(&path).unwrap_or_default()
}

/// The text of a file at a path of the engine's; `None` if it is not there or is no text.
pub(crate) fn of_file(path: &GString) -> Option<String> {
    if path.is_empty() || !FileAccess::file_exists(path) {
        return None;
    }
    // As bytes: the engine prints an error when it reads a file in DER as a string.
    let bytes = FileAccess::get_file_as_bytes(path);
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    Some(readable(&text))
}

/// PEM text as OpenSSL finds all of it, which looks for blocks at the beginning of a line, and takes what it does not
/// find for the end.
///
/// The engine's `X509Certificate.save()` writes its terminator, a zero byte, behind each block, and `save_to_string()`
/// gives it out as it is or, from Godot 4.5.1 on, as U+FFFD; texts that are put together have it in between.
pub(crate) fn readable(text: &str) -> String {
    text.replace(['\0', '\u{fffd}'], "\n")
        .replace("-----BEGIN", "\n-----BEGIN")
}

/// A certificate as the engine's object.
pub(crate) fn certificate_object(
    certificate: &Credential<X509Certificate>,
) -> Option<Gd<X509Certificate>> {
    match certificate {
        Credential::Object(object) => Some(object.clone()),
        Credential::Pem(pem) => {
            let mut object = X509Certificate::new_gd();
            let loaded = quietly(|| object.load_from_string(pem));
            (loaded == Error::OK).then_some(object)
        }
    }
}

/// A private key as the engine's object, if the engine can hold it.
pub(crate) fn key_object(key: &Credential<CryptoKey>) -> Option<Gd<CryptoKey>> {
    match key {
        Credential::Object(object) => Some(object.clone()),
        Credential::Pem(pem) => {
            let mut object = CryptoKey::new_gd();
            let loaded = quietly(|| object.load_from_string(pem));
            (loaded == Error::OK).then_some(object)
        }
    }
}

/// The certificates of a PEM text, each from its first line to its last; those with nothing between
/// the two, as an empty object gives, are none.
fn blocks(pem: &str) -> impl Iterator<Item = &str> {
    pem.match_indices(BEGIN).filter_map(|(start, _)| {
        let block = &pem[start..];
        let end = block.find(END)?;
        let is_empty = block[BEGIN.len()..end].trim().is_empty();
        (!is_empty).then(|| &block[..end + END.len()])
    })
}

/// A block's characters without its line ends.
fn letters(block: &str) -> impl Iterator<Item = char> {
    block.chars().filter(|letter| !letter.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_a_text_begins_a_line() {
        let text =
            format!("{BEGIN}\nAB\n{END}\n\0{BEGIN}\nAB\n{END}\u{fffd}{BEGIN}\nAB\n{END}{BEGIN}");
        let readable = readable(&text);
        assert_eq!(readable.lines().filter(|line| *line == BEGIN).count(), 4);
        assert_eq!(readable.lines().filter(|line| *line == END).count(), 3);
    }

    #[test]
    fn blocks_are_found_between_other_text_and_compared_without_line_ends() {
        let text = format!(
            "{BEGIN}\n{END}\na\n{BEGIN}\r\nAB\r\nCD\r\n{END}\r\nb\n{BEGIN}\nEF\n{END}\n{BEGIN}\nGH"
        );
        let found: Vec<&str> = blocks(&text).collect();
        assert_eq!(found.len(), 2);
        let other = format!("{BEGIN}\nABCD\n{END}");
        assert!(letters(found[0]).eq(letters(&other)));
        assert!(!letters(found[1]).eq(letters(&other)));
    }
}
