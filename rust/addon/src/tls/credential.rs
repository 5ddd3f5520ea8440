//! Keys and certificates as scripts give them, and as PEM text.
//!
//! What the engine's `save_to_string` methods give is not all that their objects hold. Of a certificate chain it is the
//! first certificate, once for each in the chain (Godot 4.6, `X509CertificateMbedTLS::save_to_string`); of a key that
//! mbedTLS cannot read, such as Ed25519, it is nothing. A resource that `load()` made knows its file, which holds the rest.

use std::sync::{Mutex, PoisonError};

use dtls::pem_text::{self, Chain};
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

impl Credential<CryptoKey> {
    /// PEM of the private key, as far as can be told without reading it: the object's, or its file's. The error says why
    /// there is none.
    pub(crate) fn pem(&self) -> Result<String, &'static str> {
        let mut key = match self {
            Self::Object(key) => key.clone(),
            Self::Pem(pem) => return Ok(pem.clone()),
        };
        let own = pem_text::readable(&quietly(|| key.save_to_string().to_string()));
        if !own.is_empty() {
            return Ok(own);
        }
        // `is_public_only()` is true for an empty object as well, so the text is read instead.
        let public = quietly(|| key.save_to_string_ex().public_only(true).done());
        if !public.is_empty() {
            return Err("the options hold a public key where the private key is needed");
        }
        let file = Some(pem_of_resource(&key)).filter(|file| !file.is_empty());
        file.ok_or("the private key is empty: its file is missing, broken, or encrypted")
    }

    /// The key as the engine's object, if the engine can hold it.
    pub(crate) fn object(&self) -> Option<Gd<CryptoKey>> {
        self.object_by(|key, pem| key.load_from_string(pem))
    }
}

impl Credential<X509Certificate> {
    /// The certificate's PEM, with its chain where that can be had.
    pub(crate) fn pem(&self) -> Chain {
        match self {
            Self::Object(certificate) => {
                let own = quietly(|| certificate.clone().save_to_string().to_string());
                Chain::of_repeated(&own, pem_of_resource(certificate))
            }
            Self::Pem(pem) => Chain::complete(pem.clone()),
        }
    }

    /// The certificate as the engine's object.
    pub(crate) fn object(&self) -> Option<Gd<X509Certificate>> {
        self.object_by(|certificate, pem| certificate.load_from_string(pem))
    }
}

impl<T: GodotClass> Credential<T> {
    fn object_by(&self, load: impl FnOnce(&mut Gd<T>, &str) -> Error) -> Option<Gd<T>>
    where
        Gd<T>: Clone,
        T: NewGd,
    {
        match self {
            Self::Object(object) => Some(object.clone()),
            Self::Pem(pem) => {
                let mut object = T::new_gd();
                let loaded = quietly(|| load(&mut object, pem));
                (loaded == Error::OK).then_some(object)
            }
        }
    }
}

/// Runs an engine method without the errors that it prints needlessly: for an empty object, and for every certificate saved
/// (the engine counts the terminator as part of the text).
///
/// The switch is the whole process's: two threads that save and restore it in turns could leave it off for good.
pub(crate) fn quietly<R>(run: impl FnOnce() -> R) -> R {
    static SWITCH: Mutex<()> = Mutex::new(());
    let _turn = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let mut engine = Engine::singleton();
    let printing = engine.is_printing_error_messages();
    engine.set_print_error_messages(false);
    let result = run();
    engine.set_print_error_messages(printing);
    result
}

fn pem_of_resource<T: Inherits<Resource>>(resource: &Gd<T>) -> String {
    let path = resource.clone().upcast::<Resource>().get_path();
    pem_of_file(&path).unwrap_or_default()
}

/// What a text is: PEM, or the path of a file with it.
pub(crate) fn pem_of(text: &GString) -> Option<String> {
    match text.to_string() {
        pem if pem.contains("-----BEGIN") => Some(pem_text::readable(&pem)),
        _ => pem_of_file(text),
    }
}

/// The text of a file at a path of the engine's; `None` if it is not there or is no text.
pub(crate) fn pem_of_file(path: &GString) -> Option<String> {
    if path.is_empty() || !FileAccess::file_exists(path) {
        return None;
    }
    // As bytes: the engine prints an error when it reads a file in DER as a string.
    let bytes = FileAccess::get_file_as_bytes(path);
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    Some(pem_text::readable(&text))
}
