//! A port belongs to the listener that has it: no other socket can bind it or receive its datagrams, whatever options
//! it sets and whichever user runs it; and it is free as soon as the listener has stopped.

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use support::{
    ON_V4, V4, V6, accept, accepted, eventually, has_ipv6_loopback, plain_socket, take, wait_during,
};
use udp::{BindAddress, DatagramSocket, Error, Listener};

const EVERY_V4: BindAddress = BindAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
const EVERY_V6: BindAddress = BindAddress::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
const ON_V6: BindAddress = BindAddress::Ip(V6);

/// More clients than there are with one socket of a small buffer ([`Listener::set_kernel_buffer`]).
const CROWD: usize = 65;

/// Held while a process is started: until it executes its program it has a copy of every socket of this one, and keeps
/// their ports taken. Held, too, by tests that expect a port to be free at once.
static STARTING_A_PROCESS: Mutex<()> = Mutex::new(());

/// A listener with several sockets on its port, where the system supports it, and its clients.
fn listener_of_many_sockets(
    address: BindAddress,
) -> (Listener, Vec<(UdpSocket, Arc<DatagramSocket>)>) {
    let listener = Listener::new();
    listener.set_kernel_buffer(100_000, 8 << 20);
    listener.listen(0, address).unwrap();
    let ip = match address {
        EVERY_V6 | ON_V6 => V6,
        _ => V4,
    };
    let crowd = (0..CROWD).map(|_| {
        let client = UdpSocket::bind((ip, 0)).unwrap();
        client.connect((ip, listener.local_port())).unwrap();
        client.send(b"hello").unwrap();
        let socket = accept(&listener);
        take(&socket);
        (client, socket)
    });
    let crowd = crowd.collect();
    listener.poll().unwrap();
    (listener, crowd)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listener_on(address: BindAddress) -> Listener {
    let listener = Listener::new();
    listener.listen(0, address).unwrap();
    listener
}

/// Whether a second socket can bind an address on a port: if no datagram is for both.
fn fit_on_one_port(first: BindAddress, second: BindAddress) -> bool {
    let families = |address| match address {
        BindAddress::Any => (true, true),
        BindAddress::Ip(ip) => (ip.is_ipv4(), ip.is_ipv6()),
        BindAddress::Scoped(ip) => (ip.ip().is_ipv4(), ip.ip().is_ipv6()),
    };
    let (first, second) = (families(first), families(second));
    !(first.0 && second.0 || first.1 && second.1)
}

fn addresses() -> Vec<BindAddress> {
    match has_ipv6_loopback() {
        true => vec![BindAddress::Any, EVERY_V4, ON_V4, EVERY_V6, ON_V6],
        false => vec![BindAddress::Any, EVERY_V4, ON_V4],
    }
}

/// Binds every address on the port of a listener, by a second listener and by a socket.
fn check_what_else_fits(listener: &Listener, first: BindAddress) {
    let port = listener.local_port();
    for second in addresses() {
        let what = format!("{second:?} while {first:?} is taken");
        let listen = || Listener::new().listen(port, second);
        let bind = || DatagramSocket::new().bind(port, second, 1024);
        if fit_on_one_port(first, second) {
            // Another test's client may have been given the same port of the other family.
            eventually(&what, || listen() == Ok(()));
            eventually(&what, || bind() == Ok(()));
        } else {
            assert_eq!(listen(), Err(Error::Unavailable), "{what}");
            assert_eq!(bind(), Err(Error::Unavailable), "{what}");
        }
    }
}

#[test]
fn a_port_cannot_be_bound_by_a_socket_that_would_receive_its_datagrams() {
    for first in addresses() {
        check_what_else_fits(&listener_on(first), first);
    }
}

#[test]
fn neither_can_a_port_with_many_sockets_which_keeps_its_clients() {
    for first in addresses() {
        let (listener, crowd) = listener_of_many_sockets(first);
        check_what_else_fits(&listener, first);
        for (client, socket) in &crowd {
            client.send(b"still there").unwrap();
            support::poll_until_queued(&listener, socket, 1);
            assert_eq!(take(socket), b"still there");
        }
    }
}

#[test]
fn a_listener_cannot_bind_the_port_of_a_socket() {
    let socket = DatagramSocket::new();
    socket.bind(0, ON_V4, 1024).unwrap();
    let refused = Listener::new().listen(socket.local_port(), ON_V4);
    assert_eq!(refused, Err(Error::Unavailable));
}

#[test]
fn a_port_is_free_at_once_when_its_listener_has_stopped() {
    let _no_process_starts = lock(&STARTING_A_PROCESS);
    for address in addresses() {
        for _ in 0..20 {
            let listener = listener_on(address);
            let port = listener.local_port();
            listener.stop();
            assert_eq!(listener.listen(port, address), Ok(()));
            drop(listener);
            assert_eq!(Listener::new().listen(port, address), Ok(()));
        }
        let (listener, _crowd) = listener_of_many_sockets(address);
        let port = listener.local_port();
        listener.stop();
        assert_eq!(listener.listen(port, address), Ok(()));
    }
}

#[test]
fn a_port_is_free_at_once_although_other_threads_were_using_it() {
    let _no_process_starts = lock(&STARTING_A_PROCESS);
    let (listener, client, socket) = accepted();
    let port = listener.local_port();
    for _ in 0..5 {
        let waited = wait_during(&socket, |_| {
            std::thread::sleep(Duration::from_millis(25));
            listener.stop();
            assert_eq!(listener.listen(port, ON_V4), Ok(()));
        });
        assert_eq!(waited, Err(Error::Unconfigured));
        client.send(b"again").unwrap();
        let _ = accept(&listener);
    }
}

/// Socket options that let a socket have a port together with others, on Unix.
#[derive(Clone, Copy, Debug)]
struct Options {
    reuse_address: bool,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such option"))]
    reuse_port: bool,
}

fn bind_with(address: SocketAddr, options: Options) -> std::io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(options.reuse_address)?;
    #[cfg(unix)]
    socket.set_reuse_port(options.reuse_port)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Tries to bind a port with all combinations of options. Returns those that succeed.
fn ways_to_take(port: u16, may_reuse_port: bool) -> Vec<String> {
    let mut ways = Vec::new();
    for ip in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        if address.is_ipv6() && !has_ipv6_loopback() {
            continue;
        }
        for (reuse_address, reuse_port) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let options = Options {
                reuse_address,
                reuse_port,
            };
            if (may_reuse_port || !reuse_port) && bind_with(address, options).is_ok() {
                ways.push(format!("{address} {options:?}"));
            }
        }
    }
    ways
}

const PORT_TO_TAKE: &str = "UDP_TEST_PORT_TO_TAKE";
const MAY_REUSE_PORT: &str = "UDP_TEST_MAY_REUSE_PORT";

/// Runs in another process, for the tests below.
#[test]
#[ignore = "the other process of `no_other_process_...`"]
fn another_process() {
    let port = std::env::var(PORT_TO_TAKE).expect("a port; the other tests here start this one");
    let ways = ways_to_take(
        port.parse().unwrap(),
        std::env::var_os(MAY_REUSE_PORT).is_some(),
    );
    assert!(ways.is_empty(), "taken: {ways:?}");
}

/// Runs [`another_process`], as another user or as the same one. Returns whether it could not bind the port.
fn is_refused_to_another_process(port: u16, user: Option<u32>, may_reuse_port: bool) -> bool {
    // A copy that another user may execute.
    let name = format!("udp-ports-{}-{port}-{user:?}", std::process::id());
    let program = std::env::temp_dir().join(name);
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    command
        .args(["--ignored", "--exact", "another_process"])
        .env(PORT_TO_TAKE, port.to_string());
    if may_reuse_port {
        command.env(MAY_REUSE_PORT, "1");
    }
    #[cfg(unix)]
    if let Some(user) = user {
        use std::os::unix::fs::PermissionsExt;
        use std::os::unix::process::CommandExt;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        command.uid(user).gid(user);
    }
    let output = {
        let _no_port_is_freed = lock(&STARTING_A_PROCESS);
        command.output().unwrap()
    };
    std::fs::remove_file(&program).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "{text}");
    if !output.status.success() {
        eprintln!("user {user:?}: {text}");
    }
    output.status.success()
}

#[test]
fn no_other_process_gets_the_port_of_a_listener() {
    let listener = listener_on(BindAddress::Any);
    let port = listener.local_port();
    let (crowded, _crowd) = listener_of_many_sockets(BindAddress::Any);
    let crowded_port = crowded.local_port();
    assert!(is_refused_to_another_process(port, None, true));
    // `SO_REUSEPORT` lets any process of the same user join the group; this crate never does.
    assert!(is_refused_to_another_process(crowded_port, None, false));
    match another_user() {
        Some(user) => {
            assert!(is_refused_to_another_process(port, Some(user), true));
            assert!(is_refused_to_another_process(
                crowded_port,
                Some(user),
                true
            ));
        }
        None => eprintln!("not root: what other users' processes get is not checked"),
    }
    let client = plain_socket();
    for listener in [&listener, &crowded] {
        client
            .send_to(b"hello", (V4, listener.local_port()))
            .unwrap();
        assert_eq!(take(&accept(listener)), b"hello");
    }
}

/// Another user that this one can start programs as.
fn another_user() -> Option<u32> {
    #[cfg(unix)]
    {
        const NOBODY: u32 = 65_534;
        let mut command = Command::new("true");
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
        let _no_port_is_freed = lock(&STARTING_A_PROCESS);
        command.status().ok().map(|_| NOBODY)
    }
    #[cfg(not(unix))]
    None
}
