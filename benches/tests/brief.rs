//! The benchmark of the store still runs, however its options are ordered. Nothing is asserted about time.

use std::process::Command;

#[test]
fn every_part_of_the_store_benchmark_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_store")).arg("--brief").output().expect("it starts");
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}{errors}");
    for title in ["Around", "handler", "Renewals", "come and go", "giant", "Threads", "Growth", "Memory"] {
        assert!(table.contains(title), "{title} is missing in {table}");
    }
}

#[test]
fn options_of_the_store_benchmark_stand_in_any_order() {
    for line in ["--want 30 parse --rounds 1 --brief --ipv4", "--ipv4 --brief --rounds 1 --want 30 parse"] {
        let output = Command::new(env!("CARGO_BIN_EXE_store")).args(line.split(' ')).output().expect("it starts");
        let table = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{line}: {table}");
        assert_eq!(table.matches("Around the store, IPv4").count(), 1, "{line}: {table}");
        assert!(!table.contains("IPv6"), "{line}: {table}");
    }
}
