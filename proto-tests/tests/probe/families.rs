//! Names with addresses of both families: a table for each.

use std::fs;
use std::path::PathBuf;

use proto_tests::namespace::Namespace;
use proto_tests::tracker::Tracker;

use super::*;

/// A host that knows names by a file of its own, which `ip netns exec` puts in the place of /etc/hosts (ip-netns(8)).
struct Host {
    namespace: Namespace,
    files: PathBuf,
}

impl Host {
    fn new(hosts: &str) -> Self {
        let namespace = Namespace::new("host");
        let files = PathBuf::from("/etc/netns").join(namespace.name());
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("hosts"), hosts).unwrap();
        Self { namespace, files }
    }

    fn probe(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new("ip");
        outcome(command.args(["netns", "exec", self.namespace.name(), CHIHAYA]).args(arguments))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // What is left of it harms nobody.
        let _ = fs::remove_dir_all(&self.files);
    }
}

#[test]
fn both_families_of_a_name_are_asked_unless_one_is_named() {
    let host = Host::new("127.0.0.1 both.example\n127.0.0.2 both.example\n::1 both.example\n");
    let config = "udp.listen = [\"127.0.0.1:7000\", \"[::1]:7000\"]\nudp.receive_buffer = \"64KiB\"\n\
                  http.listen = [\"127.0.0.1:7000\", \"[::1]:7000\"]\n";
    let _tracker = host.namespace.run(|| Tracker::start(config));
    for transport in ["udp", "http"] {
        let url = format!("{transport}://both.example:7000/announce");
        let told = host.probe(&["announce", &url]);
        assert_eq!((told.status, told.values("answered").len()), (Some(0), 2), "{told:?}");
        assert_eq!(told.values("IPv4"), ["127.0.0.1:7000, the first of 2"], "{told:?}");
        assert_eq!(told.values("IPv6"), ["[::1]:7000"], "{told:?}");
        for (option, family, other) in [("-4", "IPv4", "IPv6"), ("-6", "IPv6", "IPv4")] {
            let told = host.probe(&["scrape", &url, HASH, option]);
            assert_eq!((told.values(family).len(), told.values(other).len()), (1, 0), "{told:?}");
        }
    }
}

#[test]
fn a_family_without_a_way_is_passed_over_unless_it_is_named_or_the_only_one() {
    let host = Host::new("127.0.0.1 both.example\n2001:db8::1 both.example\n2001:db8::1 six.example\n");
    let config =
        "udp.listen = [\"127.0.0.1:7000\"]\nudp.receive_buffer = \"64KiB\"\nhttp.listen = [\"127.0.0.1:7000\"]\n";
    let _tracker = host.namespace.run(|| Tracker::start(config));
    for transport in ["udp", "http"] {
        let url = format!("{transport}://both.example:7000/announce");
        let told = host.probe(&["announce", &url]);
        assert_eq!((told.status, told.values("answered").len()), (Some(0), 1), "{told:?}");
        assert!(told.stdout.contains("\npassed over   this host has no way there"), "{told:?}");
        host.probe(&["announce", &url, "-6"]).assert_failed("this host has no way there");
        host.probe(&["announce", &url.replace("both", "six")]).assert_failed("this host has no way there");
        // A port that is closed is nobody's but the tracker's fault.
        let closed = host.probe(&["announce", &url.replace("7000", "7001")]);
        assert_eq!((closed.status, closed.values("failed").len()), (Some(1), 2), "{closed:?}");
    }
}
