//! The program on HTTP runs once, briefly: it says nothing about time, but every announce is answered.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::net::TcpListener;
use std::process::{Command, Output};

/// Ports nobody has at the moment. The program starts servers at ports it is told.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// The table of a bare server and the tracker, loaded with 40 peers in each torrent.
fn load(options: &[&str]) -> String {
    let [bare, tracker] = free_ports();
    let mut load = Command::new(env!("CARGO_BIN_EXE_http_load"));
    load.args("--no-pin --peers 4000 --torrents even:100 --addresses 20 --seconds 0.3 --rounds 2".split(' '));
    load.args(options);
    load.args([
        "--server",
        "bare",
        &bare.to_string(),
        env!("CARGO_BIN_EXE_http_constant"),
        &format!("127.0.0.1:{bare}"),
    ]);
    load.args([
        "--server",
        "tracker",
        &tracker.to_string(),
        "env",
        "CHIHAYA__SERVER__WORKERS=1",
        "CHIHAYA__UDP__LISTEN=[]",
        "CHIHAYA__ADMIN__LISTEN=[]",
    ]);
    load.args([&format!("CHIHAYA__HTTP__LISTEN=127.0.0.1:{tracker}"), env!("CARGO_BIN_EXE_chihaya-under-load")]);
    let Output { status, stdout, stderr } = load.output().unwrap();
    let table = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{status}:\n{table}\n{}", String::from_utf8_lossy(&stderr));
    table
}

/// The last two cells of the row that begins with `name`: the mean length of replies, and the errors.
fn end_of_row<'a>(table: &'a str, name: &str) -> (&'a str, &'a str) {
    let row = table.lines().find(|line| line.starts_with(&format!("{name} ")));
    let mut cells = row.unwrap_or_else(|| panic!("no row {name}:\n{table}")).split_whitespace().rev();
    let errors = cells.next().unwrap();
    (cells.next().unwrap(), errors)
}

#[test]
fn http_load_has_a_good_reply_to_every_announce() {
    for options in [&[] as &[&str], &["--close"]] {
        let table = load(options);
        let (bare, tracker) = (end_of_row(&table, "bare"), end_of_row(&table, "tracker"));
        assert_eq!((bare.1, tracker.1), ("0", "0"), "{table}");
        assert_eq!(bare.0, tracker.0, "they say as much:\n{table}");
    }
}
