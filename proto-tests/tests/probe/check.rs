//! `chihaya check` on hosts with other limits: network namespaces, whose sysctls are their own.

use std::fs;

use proto_tests::namespace::Namespace;

use super::*;

/// Checks the configuration in a namespace: nothing that the machine at large limits may get in the way.
fn check(namespace: &Namespace, arguments: &[&str]) -> Outcome {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    fs::write(file.path(), "udp.receive_buffer = \"4KiB\"\nhttp.max_connections = 10\n").unwrap();
    let path = file.path().to_str().unwrap();
    namespace.run(|| chihaya(&[&["--config", path, "check"], arguments].concat()))
}

/// What the kernel gives a process of the namespace to read.
fn set(namespace: &Namespace, path: &str, value: &str) {
    namespace.run(|| fs::write(path, value).unwrap_or_else(|error| panic!("{path}: {error}")));
}

#[test]
fn a_short_accept_queue_is_advised_against_until_it_is_longer() {
    let host = Namespace::new("host");
    set(&host, "/proc/sys/net/core/somaxconn", "128");
    let told = check(&host, &[]);
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(told.stdout.starts_with("configuration is valid\n"), "{told:?}");
    assert_eq!(told.values("advice").len(), 1, "{told:?}");
    assert!(told.values("advice")[0].starts_with("accept queue "), "{told:?}");
    let command = told.stdout.lines().find_map(|line| line.trim().strip_prefix("sysctl -w ")).unwrap();
    let (_, value) = command.split_once("net.core.somaxconn=").unwrap();
    assert_eq!(check(&host, &["--configuration-only"]).stdout, "configuration is valid\n");
    set(&host, "/proc/sys/net/core/somaxconn", value);
    let told = check(&host, &[]);
    assert_eq!((told.status, told.values("advice")), (Some(0), vec![]), "{told:?}");
}

#[test]
fn addresses_are_looked_at() {
    let host = Namespace::new("host");
    let note = |told: &Outcome| told.values("note").iter().any(|note| note.starts_with("IPv6 "));
    assert!(note(&check(&host, &[])), "an empty host has no address");
    host.ip("link add name wire type bridge");
    for address in ["192.0.2.1/24", "192.0.2.2/24"] {
        host.ip(&format!("address add {address} dev wire"));
    }
    for address in ["2001:db8::1/64", "2001:db8::2/64"] {
        host.ip(&format!("address add {address} dev wire nodad"));
    }
    host.ip("link set dev wire up");
    let told = check(&host, &[]);
    assert!(!note(&told), "{told:?}");
    let told: Vec<_> =
        told.values("ok").into_iter().filter(|line| line.starts_with("addresses ")).map(str::to_owned).collect();
    let expected = "addresses       wire has 2 IPv4 addresses, wire has 2 IPv6 addresses; replies leave from the one that was asked";
    assert_eq!(told, [expected]);
}

/// What is advised is run on the next host, which is then as it should be.
#[test]
fn conntrack_of_the_trackers_datagrams_is_advised_against_with_what_ends_it() {
    let host = tracking_host();
    let none = check(&host, &[]);
    assert_eq!(none.values("advice"), Vec::<&str>::new(), "{none:?}");
    send_a_datagram(&host);
    let told = check(&host, &[]);
    let advice = told.values("advice");
    assert!(matches!(advice[..], [line] if line.starts_with("conntrack       1 of 1 tracked ")), "{told:?}");
    let commands: Vec<_> = told.stdout.lines().map(str::trim).filter(|line| line.starts_with("nft ")).collect();
    let cured = tracking_host();
    commands.iter().for_each(|command| shell(&cured, command));
    send_a_datagram(&cured);
    let told = check(&cured, &[]);
    assert_eq!((told.status, told.values("advice")), (Some(0), vec![]), "{told:?}");
}

/// With a firewall that asks for the state of connections, so that the kernel tracks them.
fn tracking_host() -> Namespace {
    let host = Namespace::new("host");
    shell(&host, "nft 'add table inet firewall'");
    shell(&host, "nft 'add chain inet firewall input { type filter hook input priority 0; }'");
    shell(&host, "nft 'add rule inet firewall input ct state established accept'");
    host
}

/// From another host to where a tracker is by default.
fn send_a_datagram(host: &Namespace) {
    let other = Namespace::new("client");
    host.ip(&format!("link add name cable type veth peer name cable netns {}", other.name()));
    for (end, address) in [(host, "192.0.2.1"), (&other, "192.0.2.2")] {
        end.ip(&format!("address add {address}/24 dev cable"));
        end.ip("link set dev cable up");
    }
    let server = host.run(|| UdpSocket::bind("192.0.2.1:6969").unwrap());
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let client = other.run(|| UdpSocket::bind("192.0.2.2:0").unwrap());
    client.send_to(b"hello", server.local_addr().unwrap()).unwrap();
    server.recv(&mut [0; 8]).unwrap();
}

fn shell(namespace: &Namespace, command: &str) {
    let status = namespace.run(|| Command::new("/bin/sh").args(["-c", command]).status().unwrap());
    assert!(status.success(), "{command}: {status}");
}
