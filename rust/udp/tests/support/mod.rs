//! Plain sockets as the remote side, and waiting with a limit: loopback delivers at once on Linux, nearly so elsewhere.

#![allow(dead_code, reason = "each test file uses some of these")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use udp::{BindAddress, DatagramSocket, Error, Listener};

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
pub(crate) const ON_V4: BindAddress = BindAddress::Ip(V4);

/// How long a test waits before it fails. Long, because other programs may keep both processors busy.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A socket of the standard library on 127.0.0.1 whose reads time out.
pub(crate) fn plain_socket() -> UdpSocket {
    plain_socket_on(V4)
}

/// A socket of the standard library on this address whose reads time out.
pub(crate) fn plain_socket_on(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    socket
}

/// Runs its function if it is dropped by a panic.
///
/// `thread::scope` joins its threads before it passes a panic on. Where they end only on a signal, a failed assertion
/// would leave the test running for ever: this sends the signal.
pub(crate) struct OnPanic<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

/// Calls [`DatagramSocket::wait`] in a thread while `meanwhile` runs, and returns its result. `meanwhile` is given a
/// function that tells whether the wait has ended. A wait that does not end fails the test.
pub(crate) fn wait_during(
    socket: &DatagramSocket,
    meanwhile: impl FnOnce(&dyn Fn() -> bool),
) -> Result<(), Error> {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| socket.wait());
        let _end_the_wait = OnPanic(|| socket.close());
        meanwhile(&|| waiting.is_finished());
        eventually("the end of the wait", || waiting.is_finished());
        waiting.join().unwrap()
    })
}

/// A listener on 127.0.0.1, and its address.
pub(crate) fn listener() -> (Listener, SocketAddr) {
    let listener = Listener::new();
    listener.listen(0, ON_V4).unwrap();
    let address = SocketAddr::new(V4, listener.local_port());
    (listener, address)
}

/// A listener, a client that has sent `hello`, and its accepted socket.
pub(crate) fn accepted() -> (Listener, UdpSocket, Arc<DatagramSocket>) {
    let (listener, address) = listener();
    let client = plain_socket();
    client.connect(address).unwrap();
    client.send(b"hello").unwrap();
    let socket = accept(&listener);
    assert_eq!(take(&socket), b"hello");
    (listener, client, socket)
}

/// Polls until a socket is pending, and accepts it.
pub(crate) fn accept(listener: &Listener) -> Arc<DatagramSocket> {
    eventually("a pending socket", || {
        listener.poll().unwrap();
        listener.has_pending()
    });
    listener.accept().unwrap()
}

/// Polls until an accepted socket has `count` datagrams queued.
pub(crate) fn poll_until_queued(listener: &Listener, socket: &DatagramSocket, count: usize) {
    eventually("datagrams for the socket", || {
        listener.poll().unwrap();
        socket.available().unwrap() >= count
    });
}

/// The oldest datagram of a socket. It has to be there.
pub(crate) fn take(socket: &DatagramSocket) -> Vec<u8> {
    let mut datagram = Vec::new();
    socket.receive(&mut datagram).unwrap();
    datagram
}

/// Waits until a socket that was not accepted has `count` datagrams queued.
pub(crate) fn wait_until_available(socket: &DatagramSocket, count: usize) {
    eventually("datagrams to arrive", || {
        socket.available().unwrap() >= count
    });
}

pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME_LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A local port without a socket, which the system does not choose for another test (tcpmux, RFC 1078, historic).
pub(crate) const SILENT_PORT: u16 = 1;

/// Whether this machine has ::1. Prints that less is checked if not.
pub(crate) fn has_ipv6_loopback() -> bool {
    let has = UdpSocket::bind((V6, 0)).is_ok();
    if !has {
        eprintln!("::1 is not available here: only the fallback to IPv4 is checked");
    }
    has
}

/// Runs a test again in another process, in a network namespace of its own with only a loopback interface. Returns true
/// in that process: the test goes on. Returns false in this one: the other process has passed (its failure fails here),
/// or this user cannot create namespaces, which is printed.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_in_network_namespace(test: &str) -> bool {
    use std::process::Command;

    const INSIDE: &str = "UDP_TEST_IN_NETWORK_NAMESPACE";
    let unshare = |program: &std::ffi::OsStr| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).arg(program);
        command
    };
    if std::env::var_os(INSIDE).is_some() {
        ip("link set lo up");
        return true;
    }
    let is_possible = unshare("true".as_ref())
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_possible || Command::new("ip").arg("-V").output().is_err() {
        eprintln!("no network namespaces or no `ip` here: {test} checks nothing");
        return false;
    }
    let output = unshare(std::env::current_exe().unwrap().as_os_str())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}{}", text[0], text[1]);
    assert!(text[0].contains("1 passed"), "{}", text[0]);
    false
}

/// Gives an interface an address, and waits until it can be used: a new IPv6 address is tentative for a moment
/// (RFC 4862, 5.4).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn add_address(address: &str, interface: &str) {
    let without_detection = if address.contains(':') { " nodad" } else { "" };
    ip(&format!(
        "address add {address} dev {interface}{without_detection}"
    ));
    eventually("the address to be usable", || {
        let tentative = std::process::Command::new("ip")
            .args(["-6", "address", "show", "tentative"])
            .output();
        tentative.unwrap().stdout.is_empty()
    });
}

/// Runs `ip` with these arguments.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn ip(arguments: &str) {
    let status = std::process::Command::new("ip")
        .args(arguments.split(' '))
        .status();
    assert!(status.unwrap().success(), "ip {arguments}");
}
