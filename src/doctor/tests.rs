use std::net::IpAddr;
use std::path::Path;
use std::{fs, io};

use tempfile::TempDir;

use super::*;

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 524288               files     
";

/// A /proc with these files beside those of a host that leaves nothing to wish for.
fn proc(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let good = [
        ("sys/net/core/rmem_max", "8388608\n"),
        ("sys/net/core/somaxconn", "4096\n"),
        ("self/limits", LIMITS),
        ("net/if_inet6", ""),
    ];
    for (path, text) in good.iter().chain(files) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn interfaces(addresses: &[(&str, &str)]) -> Vec<(String, IpAddr)> {
    addresses.iter().map(|(name, address)| ((*name).to_owned(), address.parse().unwrap())).collect()
}

fn two_families() -> Vec<(String, IpAddr)> {
    interfaces(&[("lo", "127.0.0.1"), ("eth0", "192.0.2.2"), ("eth0", "2001:db8::2"), ("eth0", "fe80::1")])
}

fn findings(proc: &Path, config: &Config) -> Vec<Finding> {
    examine(config, &Host::look(proc, two_families(), &[6969]))
}

fn find(subject: &str, findings: &[Finding]) -> Finding {
    findings.iter().find(|finding| finding.subject == subject).unwrap_or_else(|| panic!("{findings:?}")).clone()
}

fn printed(findings: &[Finding]) -> (bool, String) {
    let mut out = Vec::new();
    let good = print(findings, &mut out).unwrap();
    (good, String::from_utf8(out).unwrap())
}

#[test]
fn a_good_host_gets_no_advice() {
    let (good, text) = printed(&findings(proc(&[]).path(), &Config::default()));
    assert!(good, "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok      ")), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn small_limits_get_the_command_that_raises_them() {
    let limits = LIMITS.replace("524288", "4096  ");
    let root =
        proc(&[("sys/net/core/rmem_max", "212992\n"), ("sys/net/core/somaxconn", "128"), ("self/limits", &limits)]);
    let (good, text) = printed(&findings(root.path(), &Config::default()));
    assert!(!good);
    for line in [
        "advice  receive buffer  udp.receive_buffer asks for 8MiB, net.core.rmem_max allows 208KiB: bursts are lost sooner",
        "                          sysctl -w net.core.rmem_max=8388608",
        "                          sysctl -w net.core.somaxconn=1024",
        "                          ulimit -Hn ",
        "                          LimitNOFILE=",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    assert_eq!(text.matches("\nadvice  ").count(), 2, "{text}");
    assert!(text.ends_with("lines in /etc/sysctl.d/60-chihaya.conf hold beyond.\n"), "{text}");
}

#[test]
fn what_is_not_served_is_not_looked_at() {
    let root = proc(&[("sys/net/core/rmem_max", "1"), ("sys/net/core/somaxconn", "1")]);
    let mut config = Config::default();
    config.udp.listen.clear();
    assert!(findings(root.path(), &config).iter().all(|finding| finding.subject != "receive buffer"));
    let mut config = Config::default();
    config.http.listen.clear();
    assert!(findings(root.path(), &config).iter().all(|finding| finding.subject != "accept queue"));
}

#[test]
fn what_cannot_be_seen_is_no_advice() {
    let root = tempfile::tempdir().unwrap();
    let (good, text) = printed(&findings(root.path(), &Config::default()));
    assert!(good, "{text}");
    assert!(text.contains("note    receive buffer  "), "{text}");
}

#[test]
fn conntrack_is_advised_against_where_it_is_seen_to_track_the_tracker() {
    const TABLE: &str = "\
ipv4     2 udp      17 28 src=192.0.2.9 dst=192.0.2.2 sport=5000 dport=6969 src=192.0.2.2 dst=192.0.2.9 sport=6969 dport=5000 mark=0 use=1
ipv4     2 udp      17 28 src=192.0.2.2 dst=192.0.2.9 sport=40000 dport=53 src=192.0.2.9 dst=192.0.2.2 sport=53 dport=6969 mark=0 use=1
ipv4     2 tcp      6 28 ESTABLISHED src=192.0.2.9 dst=192.0.2.2 sport=5000 dport=6969 src=192.0.2.2 dst=192.0.2.9 sport=6969 dport=5000 use=1
";
    let conntrack = |count: &str, table: Option<&str>| {
        let mut files =
            vec![("sys/net/netfilter/nf_conntrack_count", count), ("sys/net/netfilter/nf_conntrack_max", "262144\n")];
        files.extend(table.map(|table| ("net/nf_conntrack", table)));
        let root = proc(&files);
        find("conntrack", &findings(root.path(), &Config::default()))
    };
    let found = conntrack("3\n", Some(TABLE));
    assert_eq!(found.verdict, Verdict::Advice);
    assert!(found.says.starts_with("1 of 3 tracked "), "{}", found.says);
    assert!(found.commands.iter().any(|command| command.contains("udp dport { 6969 } notrack")), "{found:?}");
    assert_eq!(conntrack("3\n", Some("")).verdict, Verdict::Fine);
    assert_eq!(conntrack("3\n", None).verdict, Verdict::Note);
    let full = conntrack("262000\n", Some(""));
    assert_eq!(full.verdict, Verdict::Advice);
    assert_eq!(full.commands, ["sysctl -w net.netfilter.nf_conntrack_max=1048576"]);
}

#[test]
fn families_that_nobody_is_served_on_are_noted() {
    let root = proc(&[]);
    let noted = |listen: &[&str], interfaces: Vec<(String, IpAddr)>| {
        let mut config = Config::default();
        config.udp.listen = listen.iter().map(|address| address.parse().unwrap()).collect();
        config.http.listen.clear();
        let findings = examine(&config, &Host::look(root.path(), interfaces, &[]));
        findings.into_iter().find(|finding| finding.subject == "IPv6").map(|finding| (finding.verdict, finding.says))
    };
    let v4 = || interfaces(&[("eth0", "192.0.2.2"), ("eth0", "fe80::1")]);
    assert!(noted(&["[::]:1"], two_families()).is_some_and(|(_, says)| says.contains("bindv6only")));
    assert!(noted(&["0.0.0.0:1"], two_families()).is_some_and(|(verdict, _)| verdict == Verdict::Note));
    assert!(noted(&["0.0.0.0:1", "[::]:1"], v4()).is_some_and(|(verdict, _)| verdict == Verdict::Note));
    assert_eq!(noted(&["0.0.0.0:1"], v4()), None);
    fs::remove_file(root.path().join("net/if_inet6")).unwrap();
    assert!(noted(&["0.0.0.0:1", "[::]:1"], v4()).is_some_and(|(_, says)| says.starts_with("this host has none")));
}

#[test]
fn several_addresses_of_an_interface_are_told() {
    let several =
        interfaces(&[("eth0", "192.0.2.2"), ("eth0", "192.0.2.3"), ("eth0", "2001:db8::2"), ("lo", "127.0.0.2")]);
    let root = proc(&[]);
    let found = find("addresses", &examine(&Config::default(), &Host::look(root.path(), several, &[])));
    assert_eq!(found.says, "eth0 has 2 IPv4 addresses; replies leave from the one that was asked");
    assert_eq!(found.verdict, Verdict::Fine);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let finding = findings(proc(&[]).path(), &Config::default());
    assert_eq!(print(&finding, &mut &mut [0_u8; 4][..]).unwrap_err().kind(), io::ErrorKind::WriteZero);
}
