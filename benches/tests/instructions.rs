//! The functions that every request passes through take as many instructions as `instructions.txt` says.
//!
//! The test has cargo build them for release and counts under callgrind, on the one kind of processor the table is for.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::collections::BTreeMap;
use std::process::Command;

#[test]
fn hot_functions_take_as_many_instructions_as_the_table_says() {
    let measured = measured();
    let (expected, found) = (table(EXPECTED), table(&measured));
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>(),
        "the table names other functions; commit this one:\n{measured}"
    );
    // What is promised of them, whatever the table says (SECURITY.md).
    let [random, chosen] = ["random", "chosen"].map(|which| found[format!("store_new_torrents_{which}").as_str()]);
    assert!(chosen * 10 <= random * 11, "chosen info hashes cost {chosen} instructions each, random ones {random}");
    let differ = |(name, instructions): (&&str, &u32)| {
        let expected = expected[*name];
        (expected.abs_diff(*instructions) > slack(expected))
            .then(|| format!("{name:<28} {instructions:>6}, not {expected}"))
    };
    let different: Vec<_> = found.iter().filter_map(differ).collect();
    assert!(
        different.is_empty(),
        "outside of the slack, for better or for worse:\n{}\nIf that is meant, commit this table:\n{measured}",
        different.join("\n")
    );
}

/// A tenth, for another compiler or C library; with a few instructions, a single one is more.
fn slack(expected: u32) -> u32 {
    (expected / 10).max(3)
}

/// The table as of now.
fn measured() -> String {
    let arguments = "run --quiet --release --locked --package chihaya-benches --bin instructions";
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments.split(' ')).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a table is text")
}

fn table(text: &str) -> BTreeMap<&str, u32> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line| {
        let (name, instructions) = str::split_once(line, ' ').unwrap_or_else(|| panic!("two columns: {line}"));
        (name, instructions.trim().parse().unwrap_or_else(|_| panic!("a number of instructions: {line}")))
    };
    lines.map(row).collect()
}

const EXPECTED: &str = include_str!("../instructions.txt");
