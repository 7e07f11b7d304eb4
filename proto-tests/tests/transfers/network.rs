//! The smallest network a swarm needs: a tracker, a seeder and a downloader, each on a host of its own.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proto_tests::namespace::Namespace;
use tracker_client::Family;

/// Three namespaces on one wire: a bridge in the tracker's, and a cable from it to each client's.
pub(crate) struct Network {
    pub(crate) tracker: Namespace,
    pub(crate) seeder: Namespace,
    pub(crate) downloader: Namespace,
}

impl Network {
    pub(crate) fn new() -> Self {
        let [tracker, seeder, downloader] = ["tracker", "seeder", "downloader"].map(Namespace::new);
        tracker.ip("link add name wire type bridge");
        attach(&tracker, TRACKER);
        for (client, host) in [(&seeder, SEEDER), (&downloader, DOWNLOADER)] {
            let port = format!("port{host}");
            tracker.ip(&format!("link add name {port} type veth peer name wire netns {}", client.name()));
            tracker.ip(&format!("link set dev {port} master wire up"));
            attach(client, host);
        }
        Self { tracker, seeder, downloader }
    }

    pub(crate) fn tracker_address(&self, family: Family, port: u16) -> SocketAddr {
        match family {
            Family::V4 => SocketAddr::new(ipv4(TRACKER), port),
            Family::V6 => SocketAddr::new(ipv6(TRACKER), port),
        }
    }

    /// Makes the seeder send so slowly that no download can end before someone has looked.
    pub(crate) fn narrow(&self) {
        self.seeder.tc("qdisc add dev wire root tbf rate 400kbit burst 16kb latency 400ms");
    }

    /// Takes that limit off again.
    pub(crate) fn widen(&self) {
        self.seeder.tc("qdisc del dev wire root");
    }
}

/// Gives the namespace its two addresses, and no route.
fn attach(namespace: &Namespace, host: u8) {
    namespace.run(|| {
        let path = "/proc/sys/net/ipv6/conf/wire/accept_ra";
        fs::write(path, "0").unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    });
    namespace.ip(&format!("address add {}/24 dev wire", ipv4(host)));
    // Without `nodad` the address could not be used for the first seconds.
    namespace.ip(&format!("address add {}/64 dev wire nodad", ipv6(host)));
    namespace.ip("link set dev wire up");
}

/// Private (RFC 1918), because Transmission refuses peers on the loopback interface.
fn ipv4(host: u8) -> IpAddr {
    Ipv4Addr::new(10, 77, 0, host).into()
}

/// Unique local (RFC 4193).
fn ipv6(host: u8) -> IpAddr {
    Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, host.into()).into()
}

const TRACKER: u8 = 1;
const SEEDER: u8 = 2;
const DOWNLOADER: u8 = 3;
