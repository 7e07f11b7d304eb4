//! A configuration that is refused, in the same words whether it is to be served or checked.

use super::*;

/// Has a text served and checked as a file.
#[track_caller]
fn assert_refused(text: &[u8], told: &str) {
    let files = Files::with(text);
    files.serve().assert_refused(told);
    files.run(&["--config", "chihaya.toml", "check"]).assert_refused(told);
    files.run(&["--config", "chihaya.toml", "config"]).assert_refused(told);
}

#[test]
fn each_fault_is_one_line_with_its_place_and_its_key() {
    for (text, told) in [
        ("[udp]\n\nlistn = []", "3: udp.listn: no such key; did you mean \"udp.listen\"?"),
        ("[server]\n[trackr]\n", "2: trackr: no such key; did you mean \"tracker\"?"),
        (
            "[tracker]\nannounce_interval = \"soon\"",
            "2: tracker.announce_interval: \"soon\" is not a time; write a whole number and a unit, like \"90s\", \"30m\" \
             or \"2h\"",
        ),
        ("[server]\nworkers = \"all\"", "2: server.workers: expected a whole number such as 0, not \"all\""),
        (
            "[tracker]\n# short\npeer_lifetime = \"20m\"",
            "3: tracker.peer_lifetime: \"20m\" is shorter than the longest interval a client may be told (\"33m\"); \
             raise it, or lower announce_interval",
        ),
        ("storage.driver = \"mysql\"", "1: storage.driver: \"mysql\" is not a driver; known drivers: memory, redis"),
        (
            "[udp]\nlisten = [\"[::ffff:127.0.0.1]:1\"]",
            "2: udp.listen: [::ffff:127.0.0.1]:1 is an IPv4 address in the form of IPv6; write \"127.0.0.1:1\"",
        ),
        ("[log]\nlevel = info", "2: \"level = info\": invalid float, expected `inf`"),
        ("[udp]\n\nlisten", "3: \"listen\": key with no value, expected `=`"),
    ] {
        assert_refused(text.as_bytes(), &format!("chihaya.toml:{told}\n"));
    }
}

#[test]
fn what_is_no_text_file_is_told_with_its_path() {
    let remedy = "give --config a readable file, or leave it out";
    assert_refused(
        b"udp = \xff",
        &format!("chihaya.toml: cannot be read: stream did not contain valid UTF-8; {remedy}\n"),
    );
    let files = Files::with("");
    fs::create_dir(files.path("directory")).unwrap();
    for (name, reason) in
        [("directory", "Is a directory (os error 21)"), ("missing.toml", "No such file or directory (os error 2)")]
    {
        let told = format!("{name}: cannot be read: {reason}; {remedy}\n");
        files.run(&["--config", name]).assert_refused(&told);
        files.run(&["--config", name, "check"]).assert_refused(&told);
    }
}

#[test]
fn a_variable_is_told_by_its_name() {
    for (name, value, told) in [
        (
            "UDP__LISTEN",
            "localhost:1",
            "udp.listen[0]: \"localhost:1\": invalid socket address syntax; write it like \"0.0.0.0:6969\"",
        ),
        ("UDP__LISTN", "", "udp.listn: no such key; did you mean \"udp.listen\"?"),
    ] {
        let name = format!("CHIHAYA__{name}");
        for arguments in [&[][..], &["check"]] {
            let outcome = run(Command::new(CHIHAYA).args(arguments).env(&name, value));
            outcome.assert_refused(&format!("{name}: {told}\n"));
        }
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let files = Files::with("[udp]\nlistn = []\n[tracker]\nmax_numwant = \"x\"\n");
    let outcome = run(Command::new(CHIHAYA)
        .current_dir(&files.0)
        .args(["--config", "chihaya.toml"])
        .env("CHIHAYA__LOG__FORMAT", "xml"));
    outcome.assert_refused(
        "chihaya.toml:2: udp.listn: no such key; did you mean \"udp.listen\"?\n\
         chihaya.toml:4: tracker.max_numwant: expected a whole number such as 200, not \"x\"\n\
         CHIHAYA__LOG__FORMAT: log.format: unknown variant `xml`, expected `text` or `json`\n",
    );
}
