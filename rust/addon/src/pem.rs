//! Keys and certificates out of the engine's objects, as PEM text.
//!
//! What the engine's `save_to_string` methods give is not all that their objects hold. Of a
//! certificate chain it is the first certificate, once for each in the chain (Godot 4.6,
//! `X509CertificateMbedTLS::save_to_string`); of a key that mbedTLS cannot read, such as Ed25519, it
//! is nothing. A resource that `load()` made knows its file, which holds the rest.

use std::sync::{Mutex, PoisonError};

use godot::classes::{CryptoKey, Engine, FileAccess, Resource, X509Certificate};
use godot::obj::{Gd, Inherits, Singleton};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A private key's PEM; empty if neither the object nor its file has one.
pub(crate) fn of_key(key: &Gd<CryptoKey>) -> String {
    let mut key = key.clone();
    let own = quietly(|| key.save_to_string().to_string());
    if own.is_empty() { file_of(&key) } else { own }
}

/// A certificate and the chain behind it.
pub(crate) struct Certificates {
    pub(crate) pem: String,
    /// How many certificates of the chain the object holds and does not give.
    pub(crate) missing: usize,
}

/// A certificate's PEM, with its chain where that can be had.
pub(crate) fn of_certificate(certificate: &Gd<X509Certificate>) -> Certificates {
    let mut certificate = certificate.clone();
    let own = quietly(|| certificate.save_to_string().to_string());
    let file = file_of(&certificate);
    let complete = |pem| Certificates { pem, missing: 0 };
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

/// Runs an engine method that prints errors of no use to anyone: an empty object's, and one for
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
    if path.is_empty() || !FileAccess::file_exists(&path) {
        return String::new();
    }
    // Not as a string of the engine's: a file in DER is no text, and the engine would say so.
    let bytes = FileAccess::get_file_as_bytes(&path);
    String::from_utf8(bytes.to_vec()).unwrap_or_default()
}

/// The certificates of a PEM text, each from its first line to its last.
fn blocks(pem: &str) -> impl Iterator<Item = &str> {
    pem.match_indices(BEGIN).filter_map(|(start, _)| {
        let block = &pem[start..];
        let end = block.find(END)? + END.len();
        Some(&block[..end])
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
    fn blocks_are_found_between_other_text_and_compared_without_line_ends() {
        let text = format!("a\n{BEGIN}\r\nAB\r\nCD\r\n{END}\r\nb\n{BEGIN}\nEF\n{END}\n{BEGIN}\nGH");
        let found: Vec<&str> = blocks(&text).collect();
        assert_eq!(found.len(), 2);
        let other = format!("{BEGIN}\nABCD\n{END}");
        assert!(letters(found[0]).eq(letters(&other)));
        assert!(!letters(found[1]).eq(letters(&other)));
    }
}
