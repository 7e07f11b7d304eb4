//! Whose request it is: the connection's, or what a trusted proxy says.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// The proxies whose word is taken, and the header they give it in.
pub struct Proxies {
    /// Where trusted proxies are.
    pub networks: Vec<IpNet>,
    /// `X-Forwarded-For` or the like: hops from the client to here, each proxy adding whom it was asked by.
    pub header: HeaderName,
}

/// A trusted proxy was asked by something that is no address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid address")]
pub struct UnknownClient;

impl Proxies {
    /// The client behind a connection from `source`.
    ///
    /// A client can write into the header whatever it likes, but only to the left of what trusted proxies add. So the hops
    /// are read from the right, and the first that is not a trusted proxy is the client. A request that trusted proxies
    /// make themselves comes from the left-most of them.
    pub fn client(&self, source: IpAddr, headers: &HeaderMap) -> Result<IpAddr, UnknownClient> {
        let mut client = source.to_canonical();
        if !self.trust(client) {
            return Ok(client);
        }
        let lines = headers.get_all(&self.header).into_iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trust(client) {
            match hops.next().map(<[u8]>::trim_ascii) {
                None => break,
                Some(b"") => {}
                Some(hop) => client = parse(hop).ok_or(UnknownClient)?,
            }
        }
        Ok(client)
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: bare, in brackets, with a port, or both.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical()).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// The client behind `source`, with these lines of the header, where 10.0.0.0/8 and 2001:db8:f::/48 are proxies.
    fn client(source: &str, lines: &[&[u8]]) -> Result<String, UnknownClient> {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:f::/48".parse().unwrap()];
        let proxies = Proxies { networks, header: HeaderName::from_static("x-forwarded-for") };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        proxies.client(source.parse().unwrap(), &headers).map(|address| address.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(client("192.0.2.1", &[b"203.0.113.5"]).unwrap(), "192.0.2.1");
        assert_eq!(client("2001:db8:e::1", &[b"junk"]).unwrap(), "2001:db8:e::1");
        assert_eq!(client(PROXY, &[b"203.0.113.5"]).unwrap(), "203.0.113.5");
        assert_eq!(client("2001:db8:f::1", &[b"2001:db8::5"]).unwrap(), "2001:db8::5");
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        assert_eq!(client(PROXY, &[b"1.1.1.1, 203.0.113.5"]).unwrap(), "203.0.113.5");
        assert_eq!(client(PROXY, &[b"1.1.1.1, 203.0.113.5, 10.9.9.9,10.8.8.8"]).unwrap(), "203.0.113.5");
        assert_eq!(client(PROXY, &[b"junk, 203.0.113.5"]).unwrap(), "203.0.113.5");
    }

    /// RFC 9110, section 5.3: several lines are one list, in their order.
    #[test]
    fn lines_are_joined() {
        assert_eq!(client(PROXY, &[b"1.1.1.1", b"203.0.113.5", b"10.9.9.9"]).unwrap(), "203.0.113.5");
        assert_eq!(client(PROXY, &[b"203.0.113.5", b"", b" , "]).unwrap(), "203.0.113.5");
    }

    #[test]
    fn a_proxy_that_asks_for_itself_is_the_client() {
        assert_eq!(client(PROXY, &[]).unwrap(), PROXY);
        assert_eq!(client(PROXY, &[b""]).unwrap(), PROXY);
        assert_eq!(client(PROXY, &[b"10.1.1.1, 10.2.2.2"]).unwrap(), "10.1.1.1");
    }

    #[test]
    fn ports_brackets_and_spaces_are_tolerated() {
        let forms = [
            ("  203.0.113.5\t", "203.0.113.5"),
            ("203.0.113.5:4711", "203.0.113.5"),
            ("2001:db8::5", "2001:db8::5"),
            ("[2001:db8::5]", "2001:db8::5"),
            ("[2001:db8::5]:4711", "2001:db8::5"),
        ];
        for (hop, address) in forms {
            assert_eq!(client(PROXY, &[hop.as_bytes()]).unwrap(), address);
        }
    }

    #[test]
    fn a_mapped_address_is_ipv4() {
        assert_eq!(client("::ffff:192.0.2.1", &[]).unwrap(), "192.0.2.1");
        assert_eq!(client("::ffff:10.0.0.1", &[b"::ffff:203.0.113.5"]).unwrap(), "203.0.113.5");
        assert_eq!(client(PROXY, &[b"203.0.113.5, ::ffff:10.0.0.2"]).unwrap(), "203.0.113.5");
    }

    #[test]
    fn junk_where_the_client_should_be_is_an_error() {
        for hop in ["unknown", "_hidden", "203.0.113", "203.0.113.5:port", "[203.0.113.5", "2001:db8::5]:1", "\u{e9}"] {
            assert_eq!(client(PROXY, &[b"1.1.1.1", hop.as_bytes()]), Err(UnknownClient), "{hop}");
        }
    }
}
