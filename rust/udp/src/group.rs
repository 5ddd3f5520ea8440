//! Several sockets on one port, on Linux and Android.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use shared::Group;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use none::Group;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod shared {
    use rustix::event::{Timespec, epoll};
    use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
    use socket2::{SockFilter, SockRef};

    use crate::address::BindAddress;
    use crate::error::Error;
    use crate::socket::Socket;

    /// As many as have a bit in a set.
    const MOST: usize = u32::BITS as usize;

    const NOT_WAITING: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };

    /// The sockets of a port beside the first, and what tells which of all have datagrams.
    pub(crate) struct Group {
        others: Vec<Socket>,
        epoll: OwnedFd,
    }

    impl Group {
        pub(crate) const IS_KNOWN: bool = true;

        /// Opens `wanted` sockets on `port`, or as many as a group can have; `None` if that cannot be.
        ///
        /// A port that somebody else listens on cannot be shared: a group that was joined would give each half of the
        /// clients. The probe without `SO_REUSEADDR` finds out.
        pub(crate) fn open(
            address: BindAddress,
            port: u16,
            receive_buffer: Option<usize>,
            wanted: usize,
        ) -> Option<(Socket, Group)> {
            drop(Socket::bind(address, port).ok()?);
            let mut sockets = Vec::new();
            for index in 0..wanted.min(MOST) {
                let socket = Socket::listen_shared(address, port, receive_buffer).ok()?;
                if index > 0 {
                    hear_no_broadcasts(&socket)?;
                }
                sockets.push(socket);
            }
            let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).ok()?;
            for (index, socket) in sockets.iter().enumerate() {
                let name = epoll::EventData::new_u64(index as u64);
                epoll::add(&epoll, socket.udp(), name, epoll::EventFlags::IN).ok()?;
            }
            let others = sockets.split_off(1);
            Some((sockets.pop()?, Group { others, epoll }))
        }

        pub(crate) fn others(&self) -> &[Socket] {
            &self.others
        }

        /// The set of sockets that have datagrams, the first as the lowest bit.
        pub(crate) fn readable(&self) -> u32 {
            let mut events = [const { std::mem::MaybeUninit::uninit() }; MOST];
            match epoll::wait(&self.epoll, &mut events, Some(&NOT_WAITING)) {
                Ok((events, _)) => events
                    .iter()
                    .fold(0, |set, event| set | 1 << event.data.u64()),
                // Whoever asks reads all, and finds out.
                Err(_) => u32::MAX >> (MOST - 1 - self.others.len()),
            }
        }

        pub(crate) fn wakes(&self) -> BorrowedFd<'_> {
            self.epoll.as_fd()
        }
    }

    /// What is sent to everybody comes to every socket of a port. All but the first refuse it.
    fn hear_no_broadcasts(socket: &Socket) -> Option<()> {
        // Classic BPF, see bpf(4) of BSD and linux/filter.h for what lies at negative offsets.
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
        SockRef::from(socket.udp()).attach_filter(&program).ok()
    }

    impl Socket {
        /// As [`Socket::listen`], on a port that others of the same group have too.
        fn listen_shared(
            address: BindAddress,
            port: u16,
            receive_buffer: Option<usize>,
        ) -> Result<Socket, Error> {
            Socket::bind_with(address, port, |socket| {
                socket.prepare_to_listen(receive_buffer);
                // Where it is refused, binding the second socket is still allowed, and one would hear nothing.
                SockRef::from(socket.udp()).set_reuse_port(true)
            })
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod none {
    use rustix::fd::BorrowedFd;

    use crate::address::BindAddress;
    use crate::socket::Socket;

    /// There is none.
    pub(crate) enum Group {}

    impl Group {
        pub(crate) const IS_KNOWN: bool = false;

        pub(crate) fn open(
            _: BindAddress,
            _: u16,
            _: Option<usize>,
            _: usize,
        ) -> Option<(Socket, Group)> {
            None
        }

        pub(crate) fn others(&self) -> &[Socket] {
            match *self {}
        }

        pub(crate) fn readable(&self) -> u32 {
            match *self {}
        }

        pub(crate) fn wakes(&self) -> BorrowedFd<'_> {
            match *self {}
        }
    }
}
