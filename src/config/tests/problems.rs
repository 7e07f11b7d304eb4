//! What operators are told, word for word.

use super::*;

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = Config::load(Some(Path::new("no/such.toml")), variables(&[]), &Drivers::builtin()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no/such.toml: cannot be read: No such file or directory (os error 2); give --config a readable file, or leave it \
         out"
    );
    let binary = File::new([0xff, 0xfe]);
    let problem = Config::load(Some(&binary.path), variables(&[]), &Drivers::builtin()).unwrap_err().to_string();
    assert!(problem.contains("chihaya.toml: cannot be read: stream did not contain valid UTF-8; "), "{problem}");
}

#[test]
fn a_syntax_error_is_told_with_its_line() {
    for (text, message) in [
        ("[udp]\nlisten = [\"[::]:1\"\n[http]\n", "3: \"[http]\": missing comma between array elements, expected `,`"),
        ("[log]\n  level = info\n", "2: \"level = info\": invalid float, expected `inf`"),
        ("[log]\nlevel = \"info\"\n\nlevel = \"warn\"", "4: \"level = \"warn\"\": duplicate key"),
        ("[udp]\n[http]\n[udp]\n", "3: \"[udp]\": duplicate key"),
        ("\n\nudp", "3: \"udp\": key with no value, expected `=`"),
    ] {
        assert_eq!(problem(text), format!("chihaya.toml:{message}"));
    }
    let too_long = problem("[server]\n\nworkers = 99999999999999999999\n");
    assert!(too_long.starts_with("chihaya.toml:3: \"workers = 99999999999999999999\": "), "{too_long}");
}

#[test]
#[cfg(feature = "redis")]
fn a_password_is_not_told() {
    for text in ["[storage.redis]\nurls = \"redis://u:secret@h\"\n", "[storage.redis]\nurls = [redis://u:secret@h]\n"] {
        let problem = problem(text);
        assert!(problem.starts_with("chihaya.toml:2: ") && problem.contains("redis://…@h"), "{problem}");
    }
}

#[test]
fn an_unknown_key_or_table_is_refused_with_the_nearest_known() {
    assert_eq!(
        problem("[udp]\n\nlistn = []\n"),
        "chihaya.toml:3: udp.listn: no such key; did you mean \"udp.listen\"?"
    );
    assert_eq!(problem("[trackr]\n"), "chihaya.toml:1: trackr: no such key; did you mean \"tracker\"?");
    assert_eq!(
        problem("[storage.memory]\nshard = 1\n"),
        "chihaya.toml:2: storage.memory.shard: no such key; did you mean \"storage.memory.shards\"?"
    );
    assert_eq!(
        problem("storage.mysql = {}\n"),
        "chihaya.toml:1: storage.mysql: no such key; known keys: driver, memory, redis"
    );
    assert_eq!(
        problem("x = 1\n"),
        "chihaya.toml:1: x: no such key; known keys: admin, http, limits, log, server, storage, tracker, udp"
    );
    assert_eq!(
        problem_of("CHIHAYA__UDP__LISTN", "x"),
        "CHIHAYA__UDP__LISTN: udp.listn: no such key; did you mean \"udp.listen\"?"
    );
    assert_eq!(
        problem_of("CHIHAYA__", "x"),
        "CHIHAYA__: no such key; known keys: admin, http, limits, log, server, storage, tracker, udp"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_an_example() {
    for (text, message) in [
        ("tracker.announce_interval = 30", "tracker.announce_interval: expected a string such as \"30m\", not 30"),
        ("tracker.interval_jitter = \"x\"", "tracker.interval_jitter: expected a number such as 0.1, not \"x\""),
        ("tracker.store_private_addresses = 1", "tracker.store_private_addresses: expected true or false, not 1"),
        ("server.public_host = true", "server.public_host: expected a string, not true"),
        ("server.workers = 1.5", "server.workers: expected a whole number such as 0, not 1.5"),
        ("http.trusted_proxies = \"::/0\"", "http.trusted_proxies: expected a list, not \"::/0\""),
        (
            "udp.listen = \"a\\nb\"",
            "udp.listen: expected a list such as [\"0.0.0.0:6969\", \"[::]:6969\"], not \"\"\"\\na\\nb\"\"\"",
        ),
        ("udp = 1", "udp: expected a table, not 1"),
        ("log.level = { x = 1979-05-27 }", "log.level: expected a string such as \"info\", not { x = 1979-05-27 }"),
    ] {
        assert_eq!(problem(text), format!("chihaya.toml:1: {message}"));
    }
    assert_eq!(
        problem_of("CHIHAYA__SERVER__WORKERS", "many"),
        "CHIHAYA__SERVER__WORKERS: server.workers: expected a whole number such as 0, not \"many\""
    );
    assert_eq!(problem_of("CHIHAYA__UDP", "1"), "CHIHAYA__UDP: udp: expected a table, not 1");
}

#[test]
fn a_value_that_cannot_be_read_is_refused() {
    for (text, message) in [
        (
            "udp.listen = [\"127.0.0.1:1\", \"localhost:1\"]",
            "udp.listen[1]: \"localhost:1\": invalid socket address syntax; write it like \"0.0.0.0:6969\"",
        ),
        ("udp.listen = [\"x\"]", "udp.listen[0]: \"x\": invalid socket address syntax; write it like \"0.0.0.0:6969\""),
        ("udp.listen = [6969]", "udp.listen[0]: invalid type: integer `6969`, expected socket address"),
        (
            "http.trusted_proxies = [\"10.0.0/8\"]",
            "http.trusted_proxies: \"10.0.0/8\" is not a network; write one like \"10.0.0.0/8\" or \"192.0.2.7\"",
        ),
        ("server.workers = -1", "server.workers: -1 is out of range; the default is 0"),
        ("tracker.max_numwant = 5000000000", "tracker.max_numwant: 5000000000 is out of range; the default is 200"),
        (
            "tracker.announce_interval = \"30 min\"",
            "tracker.announce_interval: \"30 min\" is not a time; write a whole number and a unit, like \"90s\", \"30m\" \
             or \"2h\"",
        ),
        (
            "udp.receive_buffer = \"8MB\"",
            "udp.receive_buffer: \"8MB\" is not a size; write a whole number and a unit, like \"512KiB\" or \"8MiB\"",
        ),
        (
            "log.level = \"loud\"",
            "log.level: unknown variant `loud`, expected one of `error`, `warn`, `info`, `debug`, `trace`",
        ),
    ] {
        assert_eq!(problem(text), format!("chihaya.toml:1: {message}"));
    }
}

#[test]
fn everything_wrong_is_told_in_the_order_of_the_file() {
    let text = "[udp]\nlistn = []\n[tracker]\nmax_numwant = \"x\"\npeer_lifetime = 5\n";
    assert_eq!(
        load(text, &[("CHIHAYA__LOG__FORMAT", "xml")]).unwrap_err().lines().collect::<Vec<_>>(),
        [
            "chihaya.toml:2: udp.listn: no such key; did you mean \"udp.listen\"?",
            "chihaya.toml:4: tracker.max_numwant: expected a whole number such as 200, not \"x\"",
            "chihaya.toml:5: tracker.peer_lifetime: expected a string such as \"50m\", not 5",
            "CHIHAYA__LOG__FORMAT: log.format: unknown variant `xml`, expected `text` or `json`",
        ]
    );
    assert_eq!(
        problem("server.workers = 2000\n[udp]\nreceive_buffer = \"0B\"\n").lines().collect::<Vec<_>>(),
        [
            "chihaya.toml:1: server.workers: 2000 is too many; choose 0 (one per core) to 1024",
            "chihaya.toml:3: udp.receive_buffer: \"0B\" is out of range; choose \"1B\" to \"1GiB\"",
        ]
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    for (text, message) in [
        (
            "tracker.peer_lifetime = \"20m\"",
            ":1: tracker.peer_lifetime: \"20m\" is shorter than the longest interval a client may be told (\"33m\"); raise \
             it, or lower announce_interval",
        ),
        (
            "tracker.peer_lifetime = \"33m\"",
            ":1: tracker.peer_lifetime: \"33m\" is no longer than the longest interval a client may be told (\"33m\"); \
             raise it, or lower announce_interval",
        ),
        (
            "tracker.announce_interval = \"2h\"",
            ":1: tracker.peer_lifetime: \"50m\" is shorter than the longest interval a client may be told (\"132m\"); raise \
             it, or lower announce_interval",
        ),
        (
            "tracker.min_announce_interval = \"28m\"",
            ":1: tracker.min_announce_interval: \"28m\" is longer than the shortest interval a client may be told \
             (\"27m\"); lower it, or raise announce_interval",
        ),
        (
            "tracker.max_numwant = 49",
            ":1: tracker.default_numwant: 50 is more than max_numwant (49); lower it, or raise max_numwant",
        ),
        (
            "udp.connection_id_rotation = \"59s\"",
            ":1: udp.connection_id_rotation: \"59s\" lets connection ids expire after \"118s\", and they must last \"2m\" \
             (BEP 15); raise it, or raise connection_id_generations",
        ),
        ("udp.listen = [\"[::]:1\", \"[::]:1\"]", ":1: udp.listen: [::]:1 is listed twice; remove one"),
        ("http.listen = [\"[::]:1\", \"[::]:1\"]", ":1: http.listen: [::]:1 is listed twice; remove one"),
        (
            "udp.listen = [\"[::ffff:127.0.0.1]:1\"]",
            ":1: udp.listen: [::ffff:127.0.0.1]:1 is an IPv4 address in the form of IPv6; write \"127.0.0.1:1\"",
        ),
        (
            "http.listen = [\"127.0.0.1:1\", \"0.0.0.0:1\"]",
            ":1: http.listen: 127.0.0.1:1 is part of 0.0.0.0:1 already; remove one",
        ),
        ("udp.listen = [\"[::]:1\", \"[::1]:1\"]", ":1: udp.listen: [::1]:1 is part of [::]:1 already; remove one"),
        (
            "http.listen = [\"[::]:1\"]\nadmin.listen = [\"[::]:1\"]",
            ":2: admin.listen: [::]:1 is in http.listen already; choose another port",
        ),
        (
            "udp.listen = []\nhttp.listen = []",
            ":1: udp.listen: is empty, and http.listen too; name an address to serve on",
        ),
        ("storage.memory.shards = -1", ":1: storage.memory.shards: -1 is out of range"),
        ("storage.memory.max_peers = -1", ":1: storage.memory.max_peers: -1 is out of range"),
        ("storage.driver = \"mysql\"", ":1: storage.driver: \"mysql\" is not a driver; known drivers: memory, redis"),
    ] {
        assert_eq!(problem(text), format!("chihaya.toml{message}"));
    }
    assert_eq!(
        problem_of("CHIHAYA__STORAGE__DRIVER", ""),
        "CHIHAYA__STORAGE__DRIVER: storage.driver: \"\" is not a driver; known drivers: memory, redis"
    );
}

#[test]
fn values_that_only_just_agree_are_accepted() {
    for text in [
        "tracker.peer_lifetime = \"1981s\"",
        "tracker.min_announce_interval = \"27m\"",
        "tracker.max_numwant = 50",
        "tracker.interval_jitter = 0.5",
        "udp.connection_id_rotation = \"1m\"",
        "udp.connection_id_generations = 4\nudp.connection_id_rotation = \"40s\"",
        "udp.listen = [\"[::]:0\", \"[::]:0\"]",
        "udp.listen = [\"[::]:1\", \"127.0.0.1:1\", \"127.0.0.1:2\"]",
        "udp.listen = [\"[::]:0\", \"[::1]:0\"]",
        "udp.listen = []",
        "http.listen = []",
        "server.public_host = \"tracker.example.org\"",
        "server.public_host = \"[2001:db8::1]\"",
        "tracker.default_numwant = 0",
    ] {
        load(text, &[]).expect(text);
    }
}

#[test]
fn values_out_of_their_range_are_refused() {
    for (text, message) in [
        ("tracker.announce_interval = \"0s\"", "\"0ms\" is out of range; choose \"1s\" to \"365d\""),
        ("tracker.min_announce_interval = \"999ms\"", "\"999ms\" is out of range; choose \"1s\" to \"365d\""),
        ("tracker.peer_lifetime = \"366d\"", "\"366d\" is out of range; choose \"1s\" to \"365d\""),
        ("tracker.interval_jitter = 0.6", "0.6 is out of range; choose 0 to 0.5"),
        ("tracker.interval_jitter = nan", "NaN is out of range; choose 0 to 0.5"),
        ("tracker.max_numwant = 0", "0 is out of range; choose 1 to 200"),
        ("tracker.max_numwant = 201", "201 is out of range; choose 1 to 200"),
        ("tracker.max_scrape_infohashes = 0", "0 is out of range; choose 1 to 74"),
        ("tracker.max_scrape_infohashes = 75", "75 is out of range; choose 1 to 74"),
        ("udp.receive_buffer = \"2GiB\"", "\"2GiB\" is out of range; choose \"1B\" to \"1GiB\""),
        ("udp.connection_id_generations = 1", "1 is out of range; choose 2 to 4"),
        ("udp.connection_id_generations = 5", "5 is out of range; choose 2 to 4"),
        ("udp.connection_id_rotation = \"2d\"", "\"2d\" is too long to keep a secret; choose at most \"1d\""),
        ("storage.memory.shards = 65537", "65537 is too many; choose 0 (automatic) to 65536"),
        (
            "limits.new_entries_burst = 4999",
            "4999 leaves no room for a second's new_entries_per_second = 5000; choose as many at least",
        ),
        (
            "server.public_host = \"tracker.example:80\"",
            "\"tracker.example:80\" is not a host; write a name, an IPv4 address, or an IPv6 address in brackets, and no \
             port",
        ),
    ] {
        let key = text.split(' ').next().unwrap();
        assert_eq!(problem(text), format!("chihaya.toml:1: {key}: {message}"));
    }
}
