//! Several sockets on one port, on Linux and Android.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use shared::ReuseportGroup;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use none::ReuseportGroup;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod shared {
    use std::io;

    use rustix::event::{Timespec, epoll};
    use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
    use socket2::{SockFilter, SockRef};

    use crate::address::BindAddress;
    use crate::error::Error;
    use crate::port::MOST_SOCKETS;
    use crate::socket::Socket;

    const NOT_WAITING: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };

    /// The sockets of a port beside the first, and what tells which of all have datagrams.
    pub(crate) struct ReuseportGroup {
        others: Vec<Socket>,
        epoll: OwnedFd,
    }

    impl ReuseportGroup {
        pub(crate) const IS_KNOWN: bool = true;

        /// Opens further sockets on the port of `first`, until there are `wanted`, or as many as a group can have.
        ///
        /// `first` is bound without any option that shares a port, so that it got the port only because no other socket
        /// had it. `SO_REUSEPORT` set afterwards lets sockets bind that have it too and belong to the same user (socket(7));
        /// a listener's first socket never has it when it binds.
        pub(crate) fn open(
            first: &Socket,
            address: BindAddress,
            receive_buffer: Option<usize>,
            wanted: usize,
        ) -> Option<ReuseportGroup> {
            let port = first.local_port();
            let first_options = SockRef::from(first.udp());
            first_options.set_reuse_port(true).ok()?;
            let others = (1..wanted.min(MOST_SOCKETS))
                .map(|_| Socket::listen_shared(address, port, receive_buffer))
                .collect::<Result<Vec<_>, _>>();
            let Ok(others) = others else {
                let _ = first_options.set_reuse_port(false);
                return None;
            };
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
            for (index, socket) in std::iter::once(first).chain(&others).enumerate() {
                let name = epoll::EventData::new_u64(index as u64);
                epoll::add(&epoll, socket.udp(), name, epoll::EventFlags::IN).ok()?;
            }
            Some(ReuseportGroup { others, epoll })
        }

        pub(crate) fn others(&self) -> &[Socket] {
            &self.others
        }

        /// The set of sockets that have datagrams, the first as the lowest bit.
        pub(crate) fn readable(&self) -> u32 {
            let mut events = [const { std::mem::MaybeUninit::uninit() }; MOST_SOCKETS];
            match epoll::wait(&self.epoll, &mut events, Some(&NOT_WAITING)) {
                Ok((events, _)) => events
                    .iter()
                    .fold(0, |set, event| set | 1 << event.data.u64()),
                // Whoever asks reads all, and finds out.
                Err(_) => u32::MAX >> (MOST_SOCKETS - 1 - self.others.len()),
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

    /// What is sent to everybody comes to every socket of a port. All but the first refuse it.
    fn reject_broadcasts(socket: &Socket) -> io::Result<()> {
        // Classic BPF; linux/filter.h says what lies at the negative offsets.
        const LOAD_WORD: u16 = 0x20;
        const LOAD_BYTE: u16 = 0x30;
        const AND: u16 = 0x54;
        const IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        const PACKET_TYPE: u32 = 0xffff_f004;
        const TO_THIS_HOST: u32 = 0;
        const IP_HEADER: u32 = 0xfff0_0000;
        const IPV4_DESTINATION: u32 = IP_HEADER + 16;
        // The loopback device does not mark its broadcasts.
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

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod none {
    use rustix::fd::BorrowedFd;

    use crate::address::BindAddress;
    use crate::socket::Socket;

    /// There is none.
    pub(crate) enum ReuseportGroup {}

    impl ReuseportGroup {
        pub(crate) const IS_KNOWN: bool = false;

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
