//! Hosts, addresses and ports as scripts write them.

use std::ops::RangeInclusive;

use godot::builtin::GString;
use godot::classes::Ip;
use godot::global::Error;
use godot::obj::Singleton;
use udp::{BindAddress, ParseError, ScopedIp};

use crate::refusal::Refusal;

/// A port within a range.
pub(crate) fn port_in(range: RangeInclusive<i64>, port: i64) -> Result<u16, Refusal> {
    let fits = u16::try_from(port).ok().filter(|_| range.contains(&port));
    fits.ok_or_else(|| {
        let (first, last) = range.into_inner();
        Refusal::parameter(format_args!(
            "the port must be between {first} and {last}, and it is {port}"
        ))
    })
}

/// Binds a port of every address of the machine (`*`) or of one of them.
pub(crate) fn bind(
    port: i64,
    address: &GString,
    bind: impl FnOnce(u16, BindAddress) -> Result<(), udp::Error>,
) -> Result<(), Refusal> {
    let port = port_in(0..=65535, port)?;
    let text = address.to_string();
    let address = text.parse().map_err(|wrong| unusable(&text, &wrong))?;
    bind(port, address).map_err(|error| match error {
        udp::Error::Unavailable => Refusal::new(Error::ERR_UNAVAILABLE, not_to_be_had(port, &text)),
        other => other.into(),
    })
}

/// Why a port cannot be bound.
pub(crate) fn not_to_be_had(port: u16, address: &str) -> String {
    format!(
        "port {port} cannot be had on \"{address}\": another socket has it, or the address is not one of this machine (a \
         link-local one needs its interface: fe80::1%eth0), or the system does not allow it"
    )
}

/// The address of a host: an IP address written out, a link-local one with its interface (`fe80::1%eth0`), or a name as the
/// engine resolves it (which waits for the system's answer).
pub(crate) fn resolve(host: &str) -> Result<ScopedIp, Refusal> {
    match host.parse() {
        Ok(ip) => Ok(ip),
        Err(ParseError::NoAddress) => look_up(host).ok_or_else(|| not_found(host)),
        Err(wrong) => Err(unusable(host, &wrong)),
    }
}

/// As [`resolve`], but an address with a mistake in it is not taken for a name: systems read `1.2.3` as 1.2.0.3.
pub(crate) fn literal_or_name(host: &str) -> Result<ScopedIp, Refusal> {
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
    Ip::singleton()
        .resolve_hostname(name)
        .to_string()
        .parse()
        .ok()
}

fn not_found(host: &str) -> Refusal {
    Refusal::parameter(format_args!(
        "\"{host}\" is no IP address and no host name that can be found"
    ))
}

fn unusable(text: &str, wrong: &ParseError) -> Refusal {
    Refusal::parameter(match wrong {
        ParseError::NoAddress => format!("\"{text}\" is no IP address"),
        _ => format!("\"{text}\" cannot be used: {wrong}"),
    })
}
