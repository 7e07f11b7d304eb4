//! The benchmark of the store still runs. Nothing is asserted about time.

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
