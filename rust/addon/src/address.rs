//! Hosts as scripts write them: an IP address, or a name to be looked up.

use std::net::IpAddr;

use godot::builtin::GString;
use godot::classes::Ip;
use godot::obj::Singleton;
use udp::BindAddress;

/// An address as the engine writes them: IPv4 in dots, IPv6 in full.
pub(crate) fn to_godot(ip: IpAddr) -> GString {
    match ip {
        IpAddr::V4(ip) => GString::from(ip.to_string().as_str()),
        // The engine neither shortens zeros nor pads groups.
        IpAddr::V6(ip) => {
            let groups = ip.segments().map(|group| format!("{group:x}"));
            GString::from(groups.join(":").as_str())
        }
    }
}

/// An IP address written out, or the address of a host name as the engine resolves it (a look-up
/// waits for the system's answer).
pub(crate) fn resolve(host: &str) -> Option<IpAddr> {
    literal(host).or_else(|| {
        if host.is_empty() || host.contains('\0') {
            return None;
        }
        literal(&Ip::singleton().resolve_hostname(host).to_string())
    })
}

/// As [`resolve`], but an address with a mistake in it is not taken for a name: systems read `1.2.3`
/// as 1.2.0.3.
pub(crate) fn literal_or_name(host: &str) -> Option<IpAddr> {
    let may_be_name = host.contains(|c: char| c.is_alphabetic()) && !host.contains(':');
    literal(host).or_else(|| may_be_name.then(|| resolve(host))?)
}

/// An IP address written out.
pub(crate) fn literal(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// `*` for every address of the machine, or one of them.
pub(crate) fn to_bind(text: &str) -> Option<BindAddress> {
    match text {
        "*" => Some(BindAddress::Any),
        _ => literal(text).map(BindAddress::Ip),
    }
}

/// Why the system did not bind an address and port, for a printed line.
pub(crate) fn not_bindable(address: &GString, port: u16) -> String {
    format!(
        "port {port} cannot be had on \"{address}\": another socket has it, or the address is not one of this machine, \
         or the system does not allow it"
    )
}
