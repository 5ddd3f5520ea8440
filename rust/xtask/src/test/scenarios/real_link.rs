//! A server and a client in network namespaces of their own, joined by a link of 1,500 bytes or less.
//!
//! Only Linux has such namespaces. They need no root if the system allows user namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::Context;
use crate::files::on_path;
use crate::network::godot::{Classes, command};
use crate::{check, process};

const LIMIT: Duration = Duration::from_secs(90);
const PORT: u16 = 4000;
const SERVER: &str = "10.77.0.1";
const CLIENT: &str = "10.77.0.2";
/// How many packets sizes.gd sends.
const PACKETS: u64 = 24;
/// How many of them have 512 bytes or less.
const PACKETS_OF_512: u64 = 4;
/// The MTU of the client's end. The server's is always 1,500: the system drops what is larger than the client's MTU,
/// without an ICMP message.
const ETHERNET: u32 = 1500;
/// 1,000 bytes of UDP payload.
const SMALL: u32 = 1028;

/// A handshake with a chain of 10 KB crosses the link in datagrams that fit; packets of 1 to 16,384 bytes cross it both
/// ways, in IP fragments where they are larger than the MTU.
pub(crate) fn carries_every_size(context: &Context) -> Result<()> {
    let tools = Tools::find()?;
    for (server, client) in [
        (Classes::Ours, Classes::Ours),
        (Classes::Ours, Classes::Engine),
        (Classes::Engine, Classes::Ours),
    ] {
        let name = format!("server {server:?}, client {client:?}");
        run(context, &tools, server, client).context(name)?;
    }
    Ok(())
}

/// A handshake completes on a link that drops larger datagrams without an ICMP message.
pub(crate) fn swallows_large_datagrams(context: &Context) -> Result<()> {
    let tools = Tools::find()?;
    // A flight of one datagram may exceed the small MTU; a flight of several has small ones from the start.
    let spent = [("rsa", 2_900..30_000), ("big_chain", 0..2_900)];
    for (client, (identity, spent)) in [Classes::Ours, Classes::Engine]
        .into_iter()
        .flat_map(|client| spent.clone().map(|it| (client, it)))
    {
        let name = format!("client {client:?}, {identity}");
        let settings = ["most=512".to_owned()];
        let classes = (Classes::Ours, client);
        let (_, sizes) =
            talk(context, &tools, classes, identity, SMALL, &settings).context(name.clone())?;
        println!("{name}: at the end {sizes}");
        ensure!(
            count(&sizes, "packets") == Some(PACKETS_OF_512),
            "reported: {sizes}"
        );
        // Large datagrams are lost, also in the first retransmission.
        ensure!(
            count(&sizes, "msec").is_some_and(|it| spent.contains(&it)),
            "{name}: the link was not what it should be: {sizes}"
        );
    }
    Ok(())
}

fn run(context: &Context, tools: &Tools, server: Classes, client: Classes) -> Result<()> {
    let (connected, sizes) = talk(context, tools, (server, client), "big_chain", ETHERNET, &[])?;
    println!(
        "server {server:?}, client {client:?}: after the handshake {connected}, at the end {sizes}"
    );
    ensure!(
        count(&sizes, "packets") == Some(PACKETS),
        "reported: {sizes}"
    );
    // The addon keeps flights below the link's MTU; the engine does not.
    if server == Classes::Ours {
        ensure!(
            count(&connected, "reassembled") == Some(0),
            "the server's flight came in fragments: {connected}"
        );
    }
    for what in ["fragmented", "reassembled"] {
        ensure!(
            count(&sizes, what).is_some_and(|count| count >= 8),
            "the large packets did not cross the link in fragments: {sizes}"
        );
    }
    Ok(())
}

fn count(value: &Value, name: &str) -> Option<u64> {
    value[name].as_f64().map(|number| number as u64)
}

/// Runs a server and sizes.gd; returns the latter's reports after the handshake and at the end.
fn talk(
    context: &Context,
    tools: &Tools,
    (server, client): (Classes, Classes),
    identity: &str,
    client_mtu: u32,
    settings: &[String],
) -> Result<(Value, Value)> {
    let folder = tempfile::tempdir()?;
    let server_settings = [
        format!("folder={}", folder.path().display()),
        format!("port={PORT}"),
        "bind=*".to_owned(),
        format!("identity={identity}"),
        "check=no".to_owned(),
    ];
    let mut client_settings = vec![format!("host={SERVER}"), format!("port={PORT}")];
    client_settings.extend_from_slice(settings);
    let server_command = command(&context.godot, "server", server, &server_settings);
    let client_command = command(&context.godot, "sizes", client, &client_settings);
    let scripts = Scripts {
        ip: &tools.ip,
        folder: folder.path(),
        client_mtu,
        server: &server_command,
        client: &client_command,
    };
    let script = scripts.write()?;
    let mut both = Command::new(&tools.unshare);
    both.args(tools.flags).arg("sh").arg(script);
    for (name, value) in server_command.get_envs() {
        both.env(name, value.unwrap_or_default());
    }
    let finished = process::run(both, LIMIT)?;
    ensure!(
        finished.succeeded(),
        "it ended with {}:\n{}",
        finished.end(),
        finished.tail()
    );
    check::ensure_no_problem("the server or the client", &finished.lines, &[])?;
    let report = |word: &str| -> Result<Value> {
        let line = finished
            .lines
            .iter()
            .find_map(|line| line.strip_prefix(word));
        let line = line.with_context(|| format!("not reported: {word}\n{}", finished.tail()))?;
        Ok(serde_json::from_str(line)?)
    };
    let (connected, sizes) = (report("CONNECTED ")?, report("SIZES ")?);
    Ok((connected, sizes))
}

/// Programs that make namespaces and links.
struct Tools {
    ip: PathBuf,
    unshare: PathBuf,
    flags: &'static [&'static str],
}

impl Tools {
    fn find() -> Result<Self> {
        let ip = tool("ip", "iproute2")?;
        let unshare = tool("unshare", "util-linux")?;
        let mut refusals = String::new();
        // As root of a user namespace, or as root.
        for flags in [&["-Urn"][..], &["-n"]] {
            let mut attempt = Command::new(&unshare);
            attempt
                .args(flags)
                .arg(&ip)
                .args(["link", "add", "type", "veth"]);
            let finished = process::run(attempt, Duration::from_secs(10))?;
            if finished.succeeded() {
                return Ok(Self { ip, unshare, flags });
            }
            refusals += &format!("\nunshare {}: {}", flags.join(" "), finished.tail());
        }
        bail!(
            "this system lets us make no network namespace with a link in it: run as root, in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN, or allow user namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns){refusals}"
        );
    }
}

/// A program on the path, or where Debian keeps root's.
fn tool(name: &str, package: &str) -> Result<PathBuf> {
    let roots = Path::new("/usr/sbin").join(name);
    on_path(name)
        .or_else(|| roots.exists().then_some(roots))
        .with_context(|| {
            format!("`{name}` is missing: install {package} (Debian: apt install {package})")
        })
}

/// The two shell scripts that join the namespaces and run server and client.
struct Scripts<'a> {
    ip: &'a Path,
    folder: &'a Path,
    client_mtu: u32,
    server: &'a Command,
    client: &'a Command,
}

impl Scripts<'_> {
    /// Writes both; the result is the outer one, which is to run in a namespace of its own.
    fn write(&self) -> Result<PathBuf> {
        let ip = quoted(&self.ip.to_string_lossy());
        let folder = quoted(&self.folder.to_string_lossy());
        let inner = format!(
            "set -eu
until {ip} link show dev inner >/dev/null 2>&1; do sleep 0.05; done
{ip} link set lo up
{ip} addr add {CLIENT}/24 dev inner
{ip} link set inner up
exec {}
",
            words(self.client)
        );
        let outer = format!(
            "set -eu
{ip} link set lo up
{} &
server=$!
until grep -q ':{PORT:04X} ' /proc/net/udp /proc/net/udp6; do kill -0 $server; sleep 0.05; done
unshare -n sh {folder}/inner.sh &
client=$!
until [ \"$(readlink /proc/$client/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]; do sleep 0.05; done
{ip} link add outer mtu 1500 type veth peer name inner mtu {} netns $client
{ip} addr add {SERVER}/24 dev outer
{ip} link set outer up
wait $client
touch {folder}/quit
wait $server
",
            words(self.server),
            self.client_mtu,
        );
        fs::write(self.folder.join("inner.sh"), inner)?;
        let path = self.folder.join("outer.sh");
        fs::write(&path, outer)?;
        Ok(path)
    }
}

/// A command as a line for the shell.
fn words(command: &Command) -> String {
    let program = quoted(&command.get_program().to_string_lossy());
    let arguments = command
        .get_args()
        .map(|word| quoted(&word.to_string_lossy()));
    std::iter::once(program)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
