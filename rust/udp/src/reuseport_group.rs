//! Several sockets on one port, on Linux (`SO_REUSEPORT`, socket(7)).

#[cfg(target_os = "linux")]
pub(crate) use linux::ReuseportGroup;

#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::ReuseportGroup;

/// The most sockets of a port, the first included: one for each bit of a set.
pub(crate) const MAX_SOCKETS: usize = u32::BITS as usize;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    use nix::libc;
    use rustix::event::{Timespec, epoll};
    use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
    use socket2::{SockFilter, SockRef};

    use super::MAX_SOCKETS;
    use crate::bind_address::BindAddress;
    use crate::error::Error;
    use crate::socket::Socket;

    const NO_WAIT: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };

    /// The sockets of a port besides the first, and an epoll instance of all of them.
    pub(crate) struct ReuseportGroup {
        others: Vec<Socket>,
        epoll: OwnedFd,
    }

    impl ReuseportGroup {
        pub(crate) const IS_SUPPORTED: bool = true;

        /// Opens further sockets on the port of `first`, until there are `wanted` or [`MAX_SOCKETS`].
        ///
        /// `first` is bound without any option that shares a port, so no other socket had the port then. `SO_REUSEPORT`
        /// set afterwards lets sockets bind that have it too and belong to the same user (socket(7)). The first socket
        /// of a listener never has it when it binds, so two listeners never share a port.
        pub(crate) fn open(
            first: &Socket,
            address: BindAddress,
            receive_buffer: Option<usize>,
            wanted: usize,
        ) -> Option<ReuseportGroup> {
            let port = first.local_port();
            let first_options = SockRef::from(first.udp());
            first_options.set_reuse_port(true).ok()?;
            let others = (1..wanted.min(MAX_SOCKETS))
                .map(|_| Socket::listen_shared(address, port, receive_buffer))
                .collect::<Result<Vec<_>, _>>();
            let Ok(others) = others else {
                let _ = first_options.set_reuse_port(false);
                return None;
            };
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
            for (index, socket) in std::iter::once(first).chain(&others).enumerate() {
                let data = epoll::EventData::new_u64(index as u64);
                epoll::add(&epoll, socket.udp(), data, epoll::EventFlags::IN).ok()?;
            }
            Some(ReuseportGroup { others, epoll })
        }

        pub(crate) fn others(&self) -> &[Socket] {
            &self.others
        }

        /// The set of sockets that have datagrams, the first socket as the lowest bit.
        pub(crate) fn readable(&self) -> u32 {
            let mut events = [const { std::mem::MaybeUninit::uninit() }; MAX_SOCKETS];
            match epoll::wait(&self.epoll, &mut events, Some(&NO_WAIT)) {
                Ok((events, _)) => events
                    .iter()
                    .fold(0, |set, event| set | 1 << event.data.u64()),
                // All of them: reading an empty one does no harm.
                Err(_) => u32::MAX >> (MAX_SOCKETS - 1 - self.others.len()),
            }
        }

        pub(crate) fn poll_fd(&self) -> BorrowedFd<'_> {
            self.epoll.as_fd()
        }
    }

    impl Socket {
        /// As [`Socket::listen`], on a port that the first socket of the group has.
        fn listen_shared(
            address: BindAddress,
            port: u16,
            receive_buffer: Option<usize>,
        ) -> Result<Socket, Error> {
            Socket::bind_with(address, port, |socket| {
                socket.prepare_to_listen(address, receive_buffer);
                reject_broadcasts(socket)?;
                SockRef::from(socket.udp()).set_reuse_port(true)
            })
        }
    }

    /// The kernel delivers a broadcast to every socket of a port. This filter drops it at all sockets but the first.
    fn reject_broadcasts(socket: &Socket) -> io::Result<()> {
        const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
        const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
        const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
        const PACKET_TYPE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
        /// `PACKET_HOST` of linux/if_packet.h: to this host alone.
        const TO_THIS_HOST: u32 = 0;
        const IP_HEADER: u32 = libc::SKF_NET_OFF as u32;
        const IPV4_DESTINATION: u32 = IP_HEADER + 16;
        // The loopback device does not mark broadcasts in the packet type.
        const LOOPBACK_BROADCAST: u32 = 0x7fff_ffff;
        let program = [
            SockFilter::new(LOAD_WORD, 0, 0, PACKET_TYPE),
            SockFilter::new(IF_EQUAL, 0, 6, TO_THIS_HOST),
            SockFilter::new(LOAD_BYTE, 0, 0, IP_HEADER),
            SockFilter::new(AND, 0, 0, 0xf0),
            SockFilter::new(IF_EQUAL, 0, 2, 0x40),
            SockFilter::new(LOAD_WORD, 0, 0, IPV4_DESTINATION),
            SockFilter::new(IF_EQUAL, 1, 0, LOOPBACK_BROADCAST),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
            SockFilter::new(RETURN, 0, 0, 0),
        ];
        SockRef::from(socket.udp()).attach_filter(&program)
    }
}

#[cfg(not(target_os = "linux"))]
mod unsupported {
    use rustix::fd::BorrowedFd;

    use crate::bind_address::BindAddress;
    use crate::socket::Socket;

    /// No value of it exists.
    pub(crate) enum ReuseportGroup {}

    impl ReuseportGroup {
        pub(crate) const IS_SUPPORTED: bool = false;

        pub(crate) fn open(
            _: &Socket,
            _: BindAddress,
            _: Option<usize>,
            _: usize,
        ) -> Option<ReuseportGroup> {
            None
        }

        pub(crate) fn others(&self) -> &[Socket] {
            match *self {}
        }

        pub(crate) fn readable(&self) -> u32 {
            match *self {}
        }

        pub(crate) fn poll_fd(&self) -> BorrowedFd<'_> {
            match *self {}
        }
    }
}
