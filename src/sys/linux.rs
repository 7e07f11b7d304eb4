//! Batches of datagrams with `recvmmsg` and `sendmmsg`.

use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::ptr;

use libc::{c_int, c_uint, c_void, cmsghdr, in_pktinfo, in6_pktinfo, iovec, mmsghdr, sockaddr_in, sockaddr_in6};
use socket2::SockRef;

use super::{PAYLOAD_LENGTH, Sent};

/// Buffers for a batch of datagrams, and all that the two system calls need to know of them.
///
/// A reply leaves from the address its request was sent to, if the socket [tells](receive_packet_info).
pub struct Messages {
    payloads: Box<[[u8; PAYLOAD_LENGTH]]>,
    sources: Box<[Source]>,
    controls: Box<[Control]>,
    vectors: Box<[iovec]>,
    /// Headers for receiving. Their pointers, and those of the vectors, are made anew for each call and good for it alone:
    /// between two calls the parts above are borrowed, which would end any pointer kept to them.
    received: Box<[mmsghdr]>,
    count: usize,
    /// Lengths of the replies, by datagram; 0 is silence.
    replies: Box<[usize]>,
    /// Headers for sending, copied from those of the datagrams that have a reply.
    outgoing: Vec<mmsghdr>,
}

/// A socket address of either family.
#[derive(Clone, Copy)]
#[repr(C)]
union Source {
    v4: sockaddr_in,
    v6: sockaddr_in6,
}

/// Room for one `in_pktinfo` or `in6_pktinfo` behind its header, aligned as the header is.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    header: cmsghdr,
    data: [u8; 24],
}

// SAFETY: the pointers in the headers and vectors are not followed but in the call they are made for, and lead into what
// the value owns, so it may change threads.
unsafe impl Send for Messages {}

impl Messages {
    /// Room for `capacity` datagrams.
    pub fn new(capacity: usize) -> Self {
        // SAFETY: all of these are plain C structures, for which zeros are valid.
        let (source, control, vector, header) = unsafe { zeroed() };
        Self {
            payloads: vec![[0; PAYLOAD_LENGTH]; capacity].into_boxed_slice(),
            sources: vec![source; capacity].into_boxed_slice(),
            controls: vec![control; capacity].into_boxed_slice(),
            vectors: vec![vector; capacity].into_boxed_slice(),
            received: vec![header; capacity].into_boxed_slice(),
            count: 0,
            replies: vec![0; capacity].into_boxed_slice(),
            outgoing: Vec::with_capacity(capacity),
        }
    }

    /// Receives what is there, up to the capacity, and forgets the batch before. Never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where nothing is there; whatever else `recvmmsg` reports.
    pub fn receive(&mut self, socket: &SockRef<'_>) -> io::Result<usize> {
        self.count = 0;
        for index in 0..self.received.len() {
            self.point(index, PAYLOAD_LENGTH);
            let header = &mut self.received[index].msg_hdr;
            header.msg_namelen = length_of::<Source, _>();
            header.msg_controllen = length_of::<Control, _>();
        }
        let capacity = c_uint::try_from(self.received.len()).expect("a batch is small");
        let headers = self.received.as_mut_ptr();
        // SAFETY: `headers` are `capacity` valid headers, whose pointers and lengths describe buffers that live in `self`.
        let received =
            unsafe { libc::recvmmsg(socket.as_raw_fd(), headers, capacity, libc::MSG_DONTWAIT, ptr::null_mut()) };
        self.count = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        self.replies[..self.count].fill(0);
        Ok(self.count)
    }

    /// Sends every reply that is not silence. Never waits: what the system does not take at once is lost.
    pub fn send(&mut self, socket: &SockRef<'_>) -> Sent {
        self.outgoing.clear();
        for index in 0..self.count {
            if self.replies[index] == 0 {
                continue;
            }
            if self.received[index].msg_hdr.msg_controllen != 0 {
                self.controls[index].forget_interface();
            }
            self.point(index, self.replies[index]);
            self.outgoing.push(self.received[index]);
        }
        let mut report = Sent::default();
        while let Some(rest) = self.outgoing.get_mut(report.sent + report.failed..).filter(|rest| !rest.is_empty()) {
            let length = c_uint::try_from(rest.len()).expect("a batch is small");
            // SAFETY: `rest` are `length` valid headers: as received, pointing anew at the same parts, of which nothing has
            // been borrowed since, with the length of the reply in the vector.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), length, libc::MSG_DONTWAIT) };
            match usize::try_from(sent) {
                Ok(sent) if sent > 0 => {
                    report.sent += sent;
                    report.bytes += rest[..sent].iter().map(|message| message.msg_len as usize).sum::<usize>();
                }
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                // The error is the first one's alone, unless the socket is full.
                _ if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => report.failed += rest.len(),
                _ => report.failed += 1,
            }
        }
        report
    }

    /// Points a header at its parts, for a call that is about to be made; `length` bytes of the payload are the kernel's.
    fn point(&mut self, index: usize, length: usize) {
        self.vectors[index] = iovec { iov_base: self.payloads[index].as_mut_ptr().cast(), iov_len: length };
        let header = &mut self.received[index].msg_hdr;
        header.msg_name = ptr::from_mut(&mut self.sources[index]).cast();
        header.msg_iov = &raw mut self.vectors[index];
        header.msg_iovlen = 1;
        header.msg_control = ptr::from_mut(&mut self.controls[index]).cast();
    }

    /// Datagrams in the batch.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What was received, its end cut off if it was longer than a buffer.
    pub fn payload(&self, index: usize) -> &[u8] {
        assert!(index < self.count, "no such datagram in the batch");
        &self.payloads[index][..(self.received[index].msg_len as usize).min(PAYLOAD_LENGTH)]
    }

    /// Where it came from; an IPv4-mapped address is IPv4.
    pub fn source(&self, index: usize) -> SocketAddr {
        self.sources[index].address()
    }

    /// The whole buffer, for a reply.
    pub fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.payloads[index]
    }

    /// Has [`send`](Self::send) send the first `length` bytes of the buffer back; 0 is silence.
    pub fn reply(&mut self, index: usize, length: usize) {
        self.replies[index] = length.min(PAYLOAD_LENGTH);
    }
}

#[cfg(test)]
impl Messages {
    /// Spoils the address a reply goes to.
    pub(super) fn refuse_for_test(&mut self, index: usize) {
        self.sources[index].v4.sin_port = 0;
    }
}

impl Source {
    fn address(&self) -> SocketAddr {
        // SAFETY: both structures begin with the family, and every bit pattern is a valid value of either.
        unsafe {
            if c_int::from(self.v4.sin_family) == libc::AF_INET {
                let address = Ipv4Addr::from(u32::from_be(self.v4.sin_addr.s_addr));
                (address, u16::from_be(self.v4.sin_port)).into()
            } else {
                let address = Ipv6Addr::from(self.v6.sin6_addr.s6_addr).to_canonical();
                (address, u16::from_be(self.v6.sin6_port)).into()
            }
        }
    }
}

impl Control {
    /// Leaves the way back to the routing table: the request's interface may not be the one to reply by. Only a
    /// link-local address means nothing without its interface.
    fn forget_interface(&mut self) {
        let data: *mut c_void = self.data.as_mut_ptr().cast();
        match (self.header.cmsg_level, self.header.cmsg_type) {
            // SAFETY: the kernel wrote an `in_pktinfo` here, as the header says; it fits and `data` is aligned for it.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => unsafe { (*data.cast::<in_pktinfo>()).ipi_ifindex = 0 },
            // SAFETY: likewise an `in6_pktinfo`.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => unsafe {
                let info = data.cast::<in6_pktinfo>();
                if !Ipv6Addr::from((*info).ipi6_addr.s6_addr).is_unicast_link_local() {
                    (*info).ipi6_ifindex = 0;
                }
            },
            _ => {}
        }
    }
}

/// Has the system tell which address each datagram was sent to, so that the reply can leave from it.
///
/// # Errors
///
/// What `setsockopt` reports.
pub fn receive_packet_info(socket: &SockRef<'_>, ipv6: bool) -> io::Result<()> {
    let (level, name) =
        if ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO) } else { (libc::IPPROTO_IP, libc::IP_PKTINFO) };
    let on: c_int = 1;
    // SAFETY: the option's value is an `int`, whose address and length these are.
    let status = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&on).cast(), length_of::<c_int, _>())
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How many datagrams the system has dropped at a socket, most for want of room in its receive buffer; it begins anew after 2^32.
///
/// # Errors
///
/// What `getsockopt` reports.
pub fn receive_drops(socket: &SockRef<'_>) -> io::Result<u32> {
    let mut info = [0_u32; MEMINFO_DROPS + 1];
    let mut length: libc::socklen_t = length_of::<[u32; MEMINFO_DROPS + 1], _>();
    // SAFETY: the option's value is an array of `u32`, of which as many are written as `length` bytes have room for.
    let status = unsafe {
        let value = info.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, value, &raw mut length)
    };
    if status == 0 { Ok(info[MEMINFO_DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// `SK_MEMINFO_DROPS` of the kernel's `sock_diag.h`: the last of nine.
const MEMINFO_DROPS: usize = 8;

/// The size of a structure in the type its field has, which differs between C libraries.
fn length_of<T, L: TryFrom<usize>>() -> L {
    L::try_from(size_of::<T>()).unwrap_or_else(|_| unreachable!("a C structure is small"))
}

const _: () = assert!(size_of::<Control>() >= size_of::<cmsghdr>() + size_of::<in6_pktinfo>());
const _: () = assert!(
    align_of::<Control>() >= align_of::<in_pktinfo>() && size_of::<cmsghdr>().is_multiple_of(align_of::<in_pktinfo>())
);
