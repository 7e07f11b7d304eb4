//! One socket that sends from any address of the loopback network.

use std::io::{ErrorKind, IoSlice};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

/// A socket of every address in 127.0.0.0/8; what comes to any of them comes to it.
pub(super) struct Wildcard {
    socket: UdpSocket,
    tracker: SockaddrIn,
}

impl Wildcard {
    pub(super) fn new(tracker: SocketAddr) -> Self {
        let SocketAddr::V4(tracker) = tracker else { panic!("the loopback network is IPv4") };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket can be bound");
        socket.set_nonblocking(true).expect("a socket need not block");
        Self { socket, tracker: SocketAddrV4::new(*tracker.ip(), tracker.port()).into() }
    }

    /// Sends the tracker a datagram from one of the addresses; one that finds no room is lost, as on any way.
    pub(super) fn send(&self, from: Ipv4Addr, datagram: &[u8]) {
        let from = in_addr { s_addr: u32::from(from).to_be() };
        let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: from, ipi_addr: in_addr { s_addr: 0 } };
        let control = [ControlMessage::Ipv4PacketInfo(&info)];
        let descriptor = self.socket.as_raw_fd();
        match sendmsg(descriptor, &[IoSlice::new(datagram)], &control, MsgFlags::empty(), Some(&self.tracker)) {
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS) => {}
            Err(error) => panic!("the loopback takes datagrams: {error}"),
        }
    }

    /// The next datagram that has come, if there is one.
    pub(super) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        match self.socket.recv(buffer) {
            Ok(length) => Some(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot receive: {error}"),
        }
    }
}
