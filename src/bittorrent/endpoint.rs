//! Where a peer listens, in the very bytes that replies carry.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::{Index, IndexMut};

/// An IP family. Each is a separate swarm of a torrent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Family {
    /// IPv4: 6 bytes a peer.
    V4,
    /// IPv6: 18 bytes a peer.
    V6,
}

impl Family {
    /// Both, IPv4 first.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The family of a canonical address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }

    /// Bytes a peer takes in a compact list (BEP 23 and BEP 7).
    pub const fn peer_length(self) -> usize {
        match self {
            Self::V4 => 6,
            Self::V6 => 18,
        }
    }
}

/// One value for each family, indexed by it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PerFamily<T> {
    /// The IPv4 value.
    pub v4: T,
    /// The IPv6 value.
    pub v6: T,
}

impl<T> Index<Family> for PerFamily<T> {
    type Output = T;

    fn index(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

impl<T> IndexMut<Family> for PerFamily<T> {
    fn index_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// A peer's address and port as compact peer lists spell them, both big-endian: 4+2 bytes (BEP 23) or 16+2 (BEP 7).
///
/// It is a peer's identity: what else a client sends (peer id, key, transport) may change without making it another peer.
#[derive(Clone, Copy, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Endpoint {
    /// Address and port of an IPv4 peer.
    V4([u8; 6]),
    /// Address and port of an IPv6 peer; never an IPv4-mapped address.
    V6([u8; 18]),
}

impl Endpoint {
    /// Where a peer at `address` listens; an IPv4-mapped IPv6 address is IPv4.
    pub fn new(address: IpAddr, port: u16) -> Self {
        let [high, low] = port.to_be_bytes();
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self::V4([a, b, c, d, high, low])
            }
            IpAddr::V6(v6) => {
                let mut bytes = [0; 18];
                bytes[..16].copy_from_slice(&v6.octets());
                bytes[16..].copy_from_slice(&[high, low]);
                Self::V6(bytes)
            }
        }
    }

    /// The family whose swarm it belongs to.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
        }
    }

    /// The compact form: 6 or 18 bytes.
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// The address.
    pub fn address(&self) -> IpAddr {
        match *self {
            Self::V4([a, b, c, d, ..]) => Ipv4Addr::new(a, b, c, d).into(),
            Self::V6(bytes) => {
                let mut octets = [0; 16];
                octets.copy_from_slice(&bytes[..16]);
                Ipv6Addr::from(octets).into()
            }
        }
    }

    /// The port; 0 only from a client that is leaving.
    pub const fn port(&self) -> u16 {
        match *self {
            Self::V4([.., high, low]) | Self::V6([.., high, low]) => u16::from_be_bytes([high, low]),
        }
    }

    /// Splits a compact list of one family into its peers; a partial one at the end is left out.
    pub fn list(family: Family, compact: &[u8]) -> impl Iterator<Item = Self> {
        compact
            .chunks_exact(family.peer_length())
            .filter_map(|bytes| bytes.try_into().map(Self::V4).or_else(|_| bytes.try_into().map(Self::V6)).ok())
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(socket: SocketAddr) -> Self {
        Self::new(socket.ip(), socket.port())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address(), self.port()).fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_ipv4() {
        let mapped = Endpoint::new("::ffff:192.0.2.1".parse().unwrap(), 0x1234);
        assert_eq!(mapped, Endpoint::V4([192, 0, 2, 1, 0x12, 0x34]));
        assert_eq!(mapped.to_string(), "192.0.2.1:4660");
    }

    #[test]
    fn an_ipv6_endpoint_is_its_18_bytes() {
        let peer = Endpoint::new("2001:db8::7".parse().unwrap(), 6881);
        assert_eq!(peer.as_bytes(), b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x1a\xe1");
        assert_eq!((peer.family(), peer.port()), (Family::V6, 6881));
        assert_eq!(peer.to_string(), "[2001:db8::7]:6881");
    }

    #[test]
    fn a_compact_list_splits_into_its_peers() {
        let list: Vec<_> = Endpoint::list(Family::V4, b"\x01\x02\x03\x04\0\x05\x06\x07\x08\x09\0\x0a\xff").collect();
        assert_eq!(list, [Endpoint::V4([1, 2, 3, 4, 0, 5]), Endpoint::V4([6, 7, 8, 9, 0, 10])]);
    }
}
