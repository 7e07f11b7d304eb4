//! What the command line offers, and what it refuses.

use proto_tests::tracker::Tracker;
use tracker_client::{Announce, Family};

use super::*;

fn version() -> String {
    let manifest: toml::Table = include_str!("../../../Cargo.toml").parse().unwrap();
    manifest["package"]["version"].as_str().unwrap().to_owned()
}

#[test]
fn help_names_the_commands_and_the_form_of_variables() {
    for arguments in [&["--help"], &["help"]] {
        let help = run(Command::new(CHIHAYA).args(arguments));
        assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
        for word in [
            "\n  check ",
            "\n  announce ",
            "\n  dns ",
            "--config <FILE>",
            "CHIHAYA__UDP__LISTEN=127.0.0.1:6969,[::1]:6969",
        ] {
            assert!(help.stdout.contains(word), "no {word:?} in {}", help.stdout);
        }
    }
}

#[test]
fn the_version_is_that_of_the_manifest() {
    let told = run(Command::new(CHIHAYA).arg("--version"));
    assert_eq!((told.status, told.stdout), (Some(0), format!("chihaya {}\n", version())));
}

#[test]
fn check_accepts_a_valid_configuration() {
    let files = Files::with(ANYWHERE);
    for arguments in [&["check"][..], &["check", "--config", "chihaya.toml"], &["--config", "chihaya.toml", "check"]] {
        let checked = files.run(arguments);
        assert_eq!(checked.stderr, "");
        assert!(checked.stdout.starts_with("configuration is valid\n"), "{}", checked.stdout);
        // What is advised of the machine that runs this is its own.
        let advised = checked.stdout.lines().any(|line| line.starts_with("advice "));
        assert_eq!(checked.status, Some(advised.into()), "{}", checked.stdout);
    }
    let checked = files.run(&["check", "--configuration-only"]);
    assert_eq!((checked.status, checked.stdout.as_str()), (Some(0), "configuration is valid\n"));
}

#[test]
fn what_config_prints_loads_as_the_same() {
    let files =
        Files::with(format!("{ANYWHERE}tracker.interval_jitter = 0.25\nhttp.trusted_proxies = [\"10.0.0.0/8\"]"));
    let first = files.run(&["--config", "chihaya.toml", "config"]);
    assert_eq!((first.status, first.stderr.as_str()), (Some(0), ""));
    assert!(first.stdout.contains("interval_jitter = 0.25\n"), "{}", first.stdout);
    assert!(first.stdout.contains("trusted_proxies = [\"10.0.0.0/8\"]\n"), "{}", first.stdout);
    fs::write(files.path("printed.toml"), &first.stdout).unwrap();
    assert_eq!(files.run(&["--config", "printed.toml", "config"]).stdout, first.stdout);
    let defaults = files.run(&["config"]);
    fs::write(files.path("defaults.toml"), &defaults.stdout).unwrap();
    assert_eq!(files.run(&["--config", "defaults.toml", "config"]).stdout, defaults.stdout);
}

#[test]
fn variables_reach_the_running_program() {
    let mut command = Command::new(CHIHAYA);
    command.env("CHIHAYA__UDP__LISTEN", "127.0.0.1:0,[::1]:0").env("CHIHAYA__HTTP__ANNOUNCE_PATH", "/here");
    command.env("CHIHAYA__TRACKER__ANNOUNCE_INTERVAL", "20m").env("CHIHAYA__TRACKER__INTERVAL_JITTER", "0");
    let tracker = Tracker::start_command(&mut command, &format!("{ANYWHERE}tracker.announce_interval = \"10s\""));
    let announce = Announce::new([1; 20], 6881);
    for family in [Family::V4, Family::V6] {
        assert_eq!(udp_client(tracker.udp(family)).announce(&announce).unwrap().interval, 1_200);
    }
    assert!(tracker.http_url().ends_with("/here"));
    assert_eq!(http_client(tracker.http(Family::V4)).announce("/here", &announce).unwrap().interval, 1_200);
}

#[test]
fn what_is_not_offered_is_refused() {
    for (argument, told) in [
        ("--confg", "unexpected argument '--confg'"),
        ("serve", "unrecognized subcommand 'serve'"),
        ("--config", "a value is required for '--config <FILE>'"),
    ] {
        let refused = run(Command::new(CHIHAYA).arg(argument));
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
}
