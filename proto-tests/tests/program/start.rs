//! What keeps the tracker from starting, and what does not.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::thread;

use libc::{AF_INET6, EAFNOSUPPORT, SYS_socket};
use proto_tests::namespace::Namespace;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use socket2::{Domain, Socket, Type};
use tracker_client::{Announce, Family};

use super::*;

const IN_USE: &str = "Address already in use (os error 98); stop the program that uses it, or choose another port";

/// Has the tracker serve one address over UDP or HTTP and nothing else; it must refuse.
#[track_caller]
fn serve_only(transport: &str, address: impl std::fmt::Display) -> Outcome {
    let other = if transport == "udp" { "http" } else { "udp" };
    let text = format!("{transport}.listen = [\"{address}\"]\n{other}.listen = []\nudp.receive_buffer = \"64KiB\"");
    Files::with(text).serve()
}

#[test]
fn an_address_in_use_is_refused() {
    let udp = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let tcp = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let sharing = |kind| -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, kind, None)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddr::new(LOCALHOST, 0).into())?;
        if kind == Type::STREAM {
            socket.listen(1)?;
        }
        Ok(socket)
    };
    let [shared_udp, shared_tcp] = [Type::DGRAM, Type::STREAM].map(|kind| sharing(kind).unwrap());
    let address = |socket: &Socket| socket.local_addr().unwrap().as_socket().unwrap();
    for (transport, address) in [
        ("udp", udp.local_addr().unwrap()),
        ("udp", address(&shared_udp)),
        ("http", tcp.local_addr().unwrap()),
        ("http", address(&shared_tcp)),
    ] {
        let told = format!("{transport}.listen: cannot listen on {address}: {IN_USE}");
        serve_only(transport, address).assert_start_refused(&told);
    }
}

/// As two trackers of one machine are that differ in all but where operators look.
#[test]
fn an_address_for_operators_in_use_is_refused() {
    let first = Tracker::start(&format!("{ANYWHERE}admin.listen = [\"127.0.0.1:0\"]"));
    let address = first.admin();
    let second = Files::with(format!("{ANYWHERE}admin.listen = [\"{address}\"]")).serve();
    second.assert_start_refused(&format!("admin.listen: cannot listen on {address}: {IN_USE}"));
}

#[test]
fn a_second_tracker_does_not_share_the_first_ones_addresses() {
    let tracker = Tracker::start(ANYWHERE);
    let (udp, http) = (tracker.udp(Family::V4), tracker.http(Family::V4));
    for (transport, address) in [("udp", udp), ("http", http)] {
        let told = format!("{transport}.listen: cannot listen on {address}: {IN_USE}");
        serve_only(transport, address).assert_start_refused(&told);
    }
    // The wildcard has the address too.
    let everywhere = format!("0.0.0.0:{}", udp.port());
    serve_only("udp", &everywhere)
        .assert_start_refused(&format!("udp.listen: cannot listen on {everywhere}: {IN_USE}"));
    udp_client(udp).connect().unwrap();
}

/// Two ports are all that there are: whoever takes a free one must not be given one that another tracker shares.
#[test]
fn a_free_port_is_no_other_trackers() {
    let namespace = Namespace::new("ports");
    namespace.run(|| {
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001").unwrap();
        let trackers = [Tracker::start(ANYWHERE), Tracker::start(ANYWHERE)];
        assert_ne!(trackers[0].udp_url(), trackers[1].udp_url());
        assert_ne!(trackers[0].http_url(), trackers[1].http_url());
        for transport in ["udp", "http"] {
            let told = format!("{transport}.listen: cannot listen on 127.0.0.1:0: {IN_USE}");
            serve_only(transport, "127.0.0.1:0").assert_start_refused(&told);
        }
    });
}

#[test]
fn an_address_of_another_host_is_refused() {
    for (transport, address) in [("udp", "192.0.2.1:6969"), ("http", "[2001:db8::1]:6969")] {
        serve_only(transport, address).assert_start_refused(&format!(
            "{transport}.listen: cannot listen on {address}: Cannot assign requested address (os error 99); choose an \
             address of this host, or 0.0.0.0 or [::] for all of them"
        ));
    }
}

#[test]
fn a_port_below_1024_takes_a_privilege() {
    let namespace = Namespace::new("privilege");
    let outcome = namespace.run(|| {
        fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024").unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service", CHIHAYA]);
        command.env("CHIHAYA__UDP__LISTEN", "").env("CHIHAYA__HTTP__LISTEN", "127.0.0.1:80");
        run(&mut command)
    });
    outcome.assert_start_refused(
        "http.listen: cannot listen on 127.0.0.1:80: Permission denied (os error 13); choose a port from 1024 up, or \
         grant CAP_NET_BIND_SERVICE",
    );
}

#[test]
fn a_host_without_ipv6_addresses_is_served_over_ipv4() {
    let namespace = Namespace::new("ipv4");
    namespace.run(|| {
        fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
        let tracker = Tracker::start("udp.receive_buffer = \"64KiB\"");
        let unused = |key| format!("{key}: [::]:6969 waits for an address: no network interface has one of its family");
        let log = tracker.log();
        let [udp, http, ..] = messages(&log)[..] else { panic!("{log}") };
        assert_eq!((udp, http), (&*unused("udp.listen"), &*unused("http.listen")));
        assert_serves_ipv4_alone(&tracker);
    });
}

#[test]
fn a_kernel_without_ipv6_is_served_over_ipv4() {
    let namespace = Namespace::new("kernel");
    namespace.run(|| {
        refuse_ipv6_sockets();
        let tracker = Tracker::start("udp.receive_buffer = \"64KiB\"");
        let left_out = |key| format!("{key}: not listening on [::]:6969: this host has no such addresses");
        let log = tracker.log();
        let [udp, http, ..] = messages(&log)[..] else { panic!("{log}") };
        assert_eq!((udp, http), (&*left_out("udp.listen"), &*left_out("http.listen")));
        assert_serves_ipv4_alone(&tracker);
    });
}

#[track_caller]
fn assert_serves_ipv4_alone(tracker: &Tracker) {
    assert_eq!(tracker.urls(), ["udp://127.0.0.1:6969/announce", "http://127.0.0.1:6969/announce"]);
    let announce = Announce::new([1; 20], 6881);
    assert_eq!(udp_client(tracker.udp(Family::V4)).announce(&announce).unwrap().leechers, 1);
    assert_eq!(http_client(tracker.http(Family::V4)).announce("/announce", &announce).unwrap().leechers, 1);
}

#[test]
fn a_kernel_without_any_of_the_addresses_is_not_served() {
    let outcome = thread::spawn(|| {
        refuse_ipv6_sockets();
        Files::with("udp.listen = [\"[::]:1\"]\nhttp.listen = []").serve()
    });
    let outcome = outcome.join().unwrap();
    let told = "udp.listen, http.listen: this host has none of the addresses; add one of 0.0.0.0 or [::]";
    let lines = messages(&outcome.stderr);
    assert_eq!(lines, ["udp.listen: not listening on [::]:1: this host has no such addresses", told]);
    assert_eq!(outcome.status, Some(2));
}

/// Has the kernel answer this thread, and what it starts, as one without IPv6 does (`ipv6.disable=1`, seccomp(2)).
fn refuse_ipv6_sockets() {
    let condition = |family| SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family);
    let ipv6 = SeccompRule::new(vec![condition(AF_INET6 as u64).unwrap()]).unwrap();
    let rules = [(SYS_socket, vec![ipv6])].into_iter().collect();
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(EAFNOSUPPORT as u32), architecture);
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// Somewhere between the first socket and the last worker the descriptors run out.
#[test]
fn too_few_file_descriptors_are_told_as_such() {
    const SOCKETS: &str = "lower server.workers, or raise the limit of open files (ulimit -n)";
    const WORKERS: &str = "choose fewer workers, or raise the process's limits (ulimit)";
    let mut seen = [false; 2];
    for descriptors in (10..80).step_by(5) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {descriptors}; exec {CHIHAYA}")]);
        command.env("CHIHAYA__SERVER__WORKERS", "16").env("CHIHAYA__UDP__RECEIVE_BUFFER", "64KiB");
        command.env("CHIHAYA__UDP__LISTEN", "127.0.0.1:0").env("CHIHAYA__HTTP__LISTEN", "");
        command.env("CHIHAYA__ADMIN__LISTEN", "");
        let outcome = run(&mut command);
        assert_eq!(outcome.status, Some(2), "{outcome:?}");
        let [told] = messages(&outcome.stderr)[..] else { panic!("{outcome:?}") };
        let of_a_socket = told.starts_with("udp.listen: cannot listen on 127.0.0.1:");
        let of_a_worker = told.starts_with("server.workers: the system refuses: ");
        let remedy = if of_a_socket { SOCKETS } else { WORKERS };
        assert!(of_a_socket || of_a_worker, "{told}");
        assert!(told.ends_with(&format!(": Too many open files (os error 24); {remedy}")), "{told}");
        seen = [seen[0] || of_a_socket, seen[1] || of_a_worker];
    }
    assert_eq!(seen, [true; 2], "of sockets, of workers");
}

#[test]
fn a_store_that_does_not_open_says_why_once() {
    let mut command = Command::new(WITH_TEST_DRIVERS);
    let outcome = run(command.env("CHIHAYA__STORAGE__DRIVER", "unreachable"));
    outcome.assert_start_refused("storage.unreachable: nobody is there");
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_it_goes() {
    let start = |limits: &str, connections: u32| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}; exec {CHIHAYA} \"$@\""), "sh"]);
        Tracker::start_command(&mut shell, &format!("{ANYWHERE}http.max_connections = {connections}\n"))
    };
    let open_files = |tracker: &Tracker| {
        let limits = fs::read_to_string(format!("/proc/{}/limits", tracker.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        line.split_whitespace().nth(3).unwrap().parse::<u32>().unwrap()
    };
    let raised = start("ulimit -S -n 64; ulimit -H -n 4000", 1_000);
    assert!((1_000..2_000).contains(&open_files(&raised)), "{}", open_files(&raised));
    assert!(!raised.log().contains("open files"), "{}", raised.log());
    let short = start("ulimit -n 512", 1_000);
    assert_eq!(open_files(&short), 512);
    assert!(short.log().contains("http.max_connections: 1000 and all sockets need"), "{}", short.log());
    assert!(short.log().contains("the system allows 512; raise its limit"), "{}", short.log());
}
