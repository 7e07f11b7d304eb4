//! The table of what is promised (the documentation of this crate) names tests that exist, and forgets none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_in_the_table_exists() {
    let rows = rows();
    assert!(rows.len() > 50, "the table was found: {rows:?}");
    for row in rows {
        let named = tests_named(&row);
        assert!(!named.is_empty(), "no test in the row {row}");
        for (path, name) in named {
            assert!(tests_in(&locate(path)).contains(name), "{path} has no test {name}");
        }
    }
}

#[test]
fn every_test_of_the_protocol_is_in_the_table() {
    let rows = rows();
    let named: BTreeSet<_> = rows.iter().flat_map(|row| tests_named(row)).collect();
    let folders = ["stories", "udp", "http", "probe"].map(|folder| rust_files(&locate(folder)));
    for file in folders.iter().flatten().chain(&[locate("captures.rs")]) {
        let path = file.strip_prefix(locate("")).unwrap().to_str().unwrap();
        for name in tests_in(file) {
            assert!(named.contains(&(path, &name)), "{path}::{name} is not in the table");
        }
    }
}

/// The lines of the tables, their heads left out.
fn rows() -> Vec<String> {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    lines.filter(|line| !line.starts_with("by |")).map(str::to_owned).collect()
}

/// Spelt `path::name`, as code.
fn tests_named(row: &str) -> Vec<(&str, &str)> {
    let code = row.split('`').skip(1).step_by(2);
    code.filter(|code| code.contains(".rs::")).filter_map(|code| code.split_once("::")).collect()
}

/// The functions behind a `#[test]` or a `#[tokio::test]`, whatever that is given.
fn tests_in(file: &Path) -> BTreeSet<String> {
    let text = read(file);
    let is_test = |line: &str| line == "#[test]" || line.starts_with("#[tokio::test");
    let mut lines = text.lines().map(str::trim);
    let mut tests = BTreeSet::new();
    while lines.any(is_test) {
        let name = lines.find_map(|line| line.split_once("fn ")?.1.split_once('('));
        tests.extend(name.map(|(name, _)| name.to_owned()));
    }
    tests
}

fn locate(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if path.starts_with("src/") { package.join("..").join(path) } else { package.join("tests").join(path) }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let files: Vec<PathBuf> = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
