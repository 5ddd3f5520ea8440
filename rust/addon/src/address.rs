//! Hosts as scripts write them: an IP address, or a name to be looked up.

use std::net::IpAddr;

use godot::builtin::GString;
use godot::classes::Ip;
use godot::obj::Singleton;
use udp::{BindAddress, ParseError, ScopedIp};

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

/// An IP address written out, a link-local one with its interface (`fe80::1%eth0`), or the address of a host name as the
/// engine resolves it (a look-up waits for the system's answer). The error says what is wrong with it.
pub(crate) fn resolve(host: &str) -> Result<ScopedIp, String> {
    match host.parse() {
        Ok(ip) => Ok(ip),
        Err(ParseError::NoAddress) => look_up(host).ok_or_else(|| not_found(host)),
        Err(wrong) => Err(format!("\"{host}\" cannot be used: {wrong}")),
    }
}

/// As [`resolve`], but an address with a mistake in it is not taken for a name: systems read `1.2.3`
/// as 1.2.0.3.
pub(crate) fn literal_or_name(host: &str) -> Result<ScopedIp, String> {
    let may_be_name = host.contains(|c: char| c.is_alphabetic()) && !host.contains(':');
    match host.parse::<ScopedIp>() {
        Err(ParseError::NoAddress) if !may_be_name => Err(not_found(host)),
        _ => resolve(host),
    }
}

fn look_up(name: &str) -> Option<ScopedIp> {
    if name.is_empty() || name.contains(['\0', '%']) {
        return None;
    }
    let found = Ip::singleton().resolve_hostname(name).to_string();
    literal(&found).map(ScopedIp::from)
}

fn not_found(host: &str) -> String {
    format!("\"{host}\" is no IP address and no host name that can be found")
}

/// An IP address written out.
pub(crate) fn literal(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// `*` for every address of the machine, or one of them. The error says what is wrong with it.
pub(crate) fn to_bind(text: &str) -> Result<BindAddress, String> {
    match text {
        "*" => Ok(BindAddress::Any),
        _ => match text.parse() {
            Ok(ip) => Ok(BindAddress::Scoped(ip)),
            Err(ParseError::NoAddress) => Err(format!("\"{text}\" is no IP address")),
            Err(wrong) => Err(format!("\"{text}\" cannot be used: {wrong}")),
        },
    }
}

/// What to try with a link-local address that lacks its interface.
pub(crate) const LACKS_INTERFACE: &str = "a link-local address is followed by the interface that it is on, as in fe80::1%eth0 \
     (IP.get_local_interfaces() has their names)";

/// Why the system did not bind an address and port, for a printed line.
pub(crate) fn not_bindable(address: &GString, port: u16) -> String {
    format!(
        "port {port} cannot be had on \"{address}\": another socket has it, or the address is not one of this machine (a \
         link-local one needs its interface: fe80::1%eth0), or the system does not allow it"
    )
}
