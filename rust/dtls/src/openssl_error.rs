//! OpenSSL's error queue, in words.

use openssl::error::{Error, ErrorStack};

/// The reason of the error raised last, which is the one nearest to the call that failed.
pub(crate) fn reason(stack: &ErrorStack) -> String {
    let words = |error: &Error| {
        let reason = error.reason().unwrap_or("unknown reason");
        match error.data() {
            Some(data) if !data.is_empty() => format!("{reason} ({data})"),
            _ => reason.to_owned(),
        }
    };
    stack
        .errors()
        .last()
        .map_or_else(|| "no reason given".to_owned(), words)
}

/// Empties this thread's error queue, so that the next call's result is judged by its own errors alone.
pub(crate) fn forget_earlier_errors() {
    drop(ErrorStack::get());
}
