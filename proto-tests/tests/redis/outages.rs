//! A short version of the program `chaos`.

use std::path::Path;
use std::time::Duration;

use proto_tests::chaos::{Plan, run};

#[test]
fn clients_are_answered_whatever_happens_to_redis() {
    let plan = Plan {
        rate: 1_000,
        peers: 2_000,
        warm_up: Duration::from_secs(3),
        outage: Duration::from_millis(1_500),
        recovery: Duration::from_millis(500),
    };
    run(Path::new(env!("CARGO_BIN_EXE_chihaya-under-test")), plan).assert();
}
