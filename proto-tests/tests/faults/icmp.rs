//! ICMP errors that the tracker's own replies bring about.

use super::*;

/// Datagrams that came for a port nobody has: each is answered with an ICMP error (RFC 1122, 4.1.3.1).
fn for_nobody() -> u64 {
    let snmp = fs::read_to_string("/proc/net/snmp").unwrap();
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let column = names.split(' ').position(|name| name == "NoPorts").unwrap();
    values.split(' ').nth(column).unwrap().parse().unwrap()
}

#[test]
fn clients_that_are_gone_when_their_reply_comes_harm_nobody() {
    let mut tracker = Tracker::start(CONFIG);
    let before = for_nobody();
    while_stopped(&tracker, || (0..GONE).for_each(|transaction| drop(connecting(&tracker, transaction))));
    drained(&tracker);
    assert_serves(&tracker);
    assert!(for_nobody() >= before + u64::from(GONE), "{} of {GONE} errors", for_nobody() - before);
    assert!(tracker.stop().success());
    assert_eq!(counted(&tracker, "responses udp 4 connect ok"), u64::from(GONE) + 1);
}

/// As many as fit a small receive buffer.
const GONE: u32 = 60;
