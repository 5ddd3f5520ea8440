//! Whether a preset lets the exported game use the network.

use super::run::Message;

/// What is wrong with a preset's options, for a platform of that name; `allows` says whether an option is on.
///
/// Android gives an app without the permission INTERNET no sockets, and macOS a sandboxed one without entitlements for
/// the network. The engine's presets have all of these off by default, and a game sees nothing but errors.
pub fn network_denied(os_name: &str, allows: &dyn Fn(&str) -> bool) -> Option<Message> {
    let sandbox = |option: &str| allows(&format!("codesign/entitlements/app_sandbox/{option}"));
    let what = match os_name {
        "Android" if !allows("permissions/internet") => {
            "its preset lacks Permissions > Internet (permissions/internet)"
        }
        "macOS"
            if sandbox("enabled") && !sandbox("network_client") && !sandbox("network_server") =>
        {
            "its preset's App Sandbox allows neither Network Client nor Network Server"
        }
        _ => return None,
    };
    Some(Message::Warning(format!(
        "the exported game cannot use the network, since {what}."
    )))
}
