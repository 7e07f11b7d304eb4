//! Compact peers: address and port, big-endian, one after the other (BEP 23 and BEP 15 for IPv4, BEP 7 for IPv6).

use std::net::{IpAddr, SocketAddr};

use crate::Malformed;

/// An address family, which decides the width of a compact peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// 4 bytes of address.
    V4,
    /// 16 bytes of address.
    V6,
}

impl Family {
    /// The family a tracker sees in this address; an IPv4-mapped one is IPv4.
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Reads compact peers of one family, in wire order, to the last byte.
pub(crate) fn peers(bytes: &[u8], family: Family) -> Result<Vec<SocketAddr>, Malformed> {
    match family {
        Family::V4 => entries::<4, 6>(bytes),
        Family::V6 => entries::<16, 18>(bytes),
    }
}

fn entries<const ADDRESS: usize, const ENTRY: usize>(bytes: &[u8]) -> Result<Vec<SocketAddr>, Malformed>
where
    IpAddr: From<[u8; ADDRESS]>,
{
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(Malformed::new(format!("{} bytes of peers, {ENTRY} each", bytes.len())));
    }
    Ok(entries.iter().filter_map(|entry| socket_address::<ADDRESS>(entry)).collect())
}

/// `None` only when the entry is not as long as its address and a port, which the caller's widths rule out.
fn socket_address<const ADDRESS: usize>(entry: &[u8]) -> Option<SocketAddr>
where
    IpAddr: From<[u8; ADDRESS]>,
{
    let (address, port) = entry.split_first_chunk::<ADDRESS>()?;
    Some(SocketAddr::new(IpAddr::from(*address), u16::from_be_bytes(port.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_ipv4() {
        assert_eq!(Family::of("10.0.0.1".parse().unwrap()), Family::V4);
        assert_eq!(Family::of("::ffff:10.0.0.1".parse().unwrap()), Family::V4);
        assert_eq!(Family::of("::1".parse().unwrap()), Family::V6);
    }

    /// BEP 23: four bytes of address, two of port.
    #[test]
    fn ipv4_peers_are_six_bytes() {
        let bytes = [10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0, 80];
        let expected = ["10.0.0.1:6881".parse().unwrap(), "10.0.0.2:80".parse().unwrap()];
        assert_eq!(peers(&bytes, Family::V4).unwrap(), expected);
        assert_eq!(peers(&[], Family::V4).unwrap(), []);
        assert!(peers(&bytes[..11], Family::V4).is_err());
        assert!(peers(&bytes, Family::V6).is_err());
    }

    /// BEP 7: 16 bytes of address, two of port.
    #[test]
    fn ipv6_peers_are_eighteen_bytes() {
        let bytes = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1];
        assert_eq!(peers(&bytes, Family::V6).unwrap(), ["[2001:db8::1]:6881".parse().unwrap()]);
        assert!(peers(&bytes[..17], Family::V6).is_err());
    }
}
