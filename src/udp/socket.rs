//! UDP sockets of the tracker, and the batches they carry as the handler sees them.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tracing::warn;

use super::Datagrams;
use crate::sys;
use crate::units::Size;

/// Binds one of several sockets that share `address` (`SO_REUSEPORT`): the kernel deals the clients out among them.
///
/// # Errors
///
/// What the system reports.
pub fn bind(address: SocketAddr, receive_buffer: Size) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // One socket per family: this one must not take the IPv4 port too.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(receive_buffer.0)?;
    if address.ip().is_unspecified() {
        // On a socket bound to one address, replies leave from it anyway.
        sys::receive_packet_info(&SockRef::from(&socket), address.is_ipv6())?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Says once if the kernel grants less than was asked: bursts will be dropped sooner.
pub fn warn_of_small_buffer(socket: &UdpSocket, asked: Size) {
    // Linux grants twice what it says, to have room for its own books.
    let granted = SockRef::from(socket).recv_buffer_size().map_or(asked.0, |granted| granted / KERNEL_OVERHEAD);
    if granted < asked.0 {
        let granted = Size(granted);
        warn!(
            "udp.receive_buffer: asked for {asked}, the kernel grants {granted}; raise its limit with \
             `sysctl -w net.core.rmem_max={}`",
            asked.0
        );
    }
}

const KERNEL_OVERHEAD: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

impl Datagrams for sys::Messages {
    fn count(&self) -> usize {
        self.count()
    }

    fn request(&self, index: usize) -> (&[u8], SocketAddr) {
        (self.payload(index), self.source(index))
    }

    fn buffer(&mut self, index: usize) -> &mut [u8] {
        self.buffer(index)
    }

    fn reply(&mut self, index: usize, length: usize) {
        self.reply(index, length);
    }
}

const _: () = assert!(sys::PAYLOAD_LENGTH >= super::REPLY_LENGTH);
