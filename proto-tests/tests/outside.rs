//! The way of a stranger: a crate outside the workspace that has a driver, its test and its tracker, as the documentation shows it.

#![allow(clippy::unwrap_used, reason = "all of it is tests, of which clippy knows the functions marked so alone")]

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use proto_tests::process::Process;
use proto_tests::tracker::Tracker;
use tempfile::TempDir;
use tracker_client::{Announce, Event, Family, udp};

/// One test, for its parts share one build.
#[test]
fn a_driver_of_another_crate_is_tried_and_serves() {
    let outside = Outside::build();
    outside.cargo(&["test", "--test", "conformance"]);
    serves(&outside);
    explains_itself(&outside);
}

fn serves(outside: &Outside) {
    let tracker = Tracker::start_program(&outside.program, SERVING);
    let client = || udp::Client::new(LOCALHOST, tracker.udp(Family::V4), PATIENCE).unwrap();
    client().announce(&Announce::new([1; 20], 6881)).unwrap();
    let told = client().announce(&Announce::new([1; 20], 6882).left(0).event(Event::Completed)).unwrap();
    assert_eq!((told.leechers, told.seeders), (1, 1));
    assert_eq!(told.peers, [([127, 0, 0, 1], 6881).into()]);
}

/// Its own settings are printed, checked and told as the tracker's are.
fn explains_itself(outside: &Outside) {
    let told = |arguments: &[&str], config: &str| {
        let file = outside.directory.path().join("chihaya.toml");
        fs::write(&file, config).unwrap();
        let output = Command::new(&outside.program).args(arguments).arg("--config").arg(&file).output().unwrap();
        let file = format!("{}:", file.display());
        (output.status.code(), text(&output.stdout), text(&output.stderr).replace(&file, ""))
    };
    let (status, printed, _) = told(&["config"], SERVING);
    assert!(status == Some(0) && printed.contains("[storage.ordered]\nmax_torrents = 1000000\n"), "{printed}");
    let (status, help, _) = told(&["--help"], "");
    assert!(status == Some(0) && help.contains("\n  check "), "{help}");
    for (config, refusal) in [
        (
            "storage.driver = \"order\"",
            "storage.driver: \"order\" is not a driver; known drivers: memory, redis, ordered",
        ),
        ("max_torrents = 0", "storage.ordered.max_torrents: 0 is too few; choose 1 or more"),
        ("max_torrents = -1", "storage.ordered.max_torrents: -1 is out of range"),
        (
            "max_torrents = \"many\"",
            "storage.ordered.max_torrents: expected a whole number such as 1000000, not \"many\"",
        ),
        ("max_torents = 5", "storage.ordered.max_torents: no such key; did you mean \"storage.ordered.max_torrents\"?"),
    ] {
        let (config, line) =
            if config.starts_with("max") { (format!("{SERVING}{config}"), 6) } else { (config.into(), 1) };
        for arguments in [&["check"][..], &[]] {
            let refused = (Some(2), String::new(), format!("{line}: {refusal}\n"));
            assert_eq!(told(arguments, &config), refused, "{config}");
        }
    }
}

/// A crate in a directory of its own, with what it is built to.
struct Outside {
    directory: TempDir,
    target: PathBuf,
    program: PathBuf,
}

impl Outside {
    /// Copies the documented crate, but for where it has the library from, and builds it.
    fn build() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let example = root().join("examples/ordered");
        for file in ["src/lib.rs", "src/main.rs", "tests/conformance.rs"] {
            let copy = directory.path().join(file);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::copy(example.join(file), copy).unwrap();
        }
        fs::write(directory.path().join("Cargo.toml"), manifest(&example)).unwrap();
        // With the workspace's versions, all of which are here already, nothing is asked of the network.
        fs::copy(root().join("Cargo.lock"), directory.path().join("Cargo.lock")).unwrap();
        // Tests run from `target/PROFILE/deps`. Much of what these tests are made of serves that crate, too.
        let target = env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
        let program = target.join("debug/ordered-tracker");
        let outside = Self { directory, target, program };
        outside.cargo(&["build", "--all-targets"]);
        outside
    }

    #[track_caller]
    fn cargo(&self, arguments: &[&str]) {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).arg("--offline").current_dir(&self.directory).env("CARGO_TARGET_DIR", &self.target);
        let mut cargo = Process::start(&mut command);
        let status = cargo.wait(BUILD_PATIENCE);
        assert!(status.success(), "cargo {arguments:?}: {status}");
    }
}

impl Drop for Outside {
    /// What the next run builds lies elsewhere, and these files would stay for good.
    fn drop(&mut self) {
        let mut clean = Command::new("cargo");
        clean.args(["clean", "--offline", "--package", "ordered-tracker"]).current_dir(&self.directory);
        // A test that failed before it had built anything has nothing to clean.
        let _: std::io::Result<Output> = clean.env("CARGO_TARGET_DIR", &self.target).output();
    }
}

#[test]
fn the_readme_shows_the_same_program() {
    let program = fs::read_to_string(root().join("examples/ordered/src/main.rs")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("```rust\n{program}```\n")), "the README has another main than\n{program}");
}

/// The documented manifest, for a library that is not published yet.
fn manifest(example: &Path) -> String {
    let shown = fs::read_to_string(example.join("manifest.toml")).unwrap();
    let version = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    let path = format!("path = {:?}", root());
    let manifest = shown.replace(&format!("chihaya = \"{version}\""), &format!("chihaya = {{ {path} }}"));
    let manifest =
        manifest.replace(&format!("chihaya = {{ version = \"{version}\", "), &format!("chihaya = {{ {path}, "));
    assert_eq!(manifest.matches(&path).count(), 2, "the manifest names this version, {version}:\n{shown}");
    manifest
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const SERVING: &str = "\
udp.listen = [\"127.0.0.1:0\"]
udp.receive_buffer = \"64KiB\"
http.listen = [\"127.0.0.1:0\"]
storage.driver = \"ordered\"
[storage.ordered]
";

/// How long a reply may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Some of the library's dependencies, the library, the crate: half a minute on two cores that have nothing else to do.
const BUILD_PATIENCE: Duration = Duration::from_secs(600);
