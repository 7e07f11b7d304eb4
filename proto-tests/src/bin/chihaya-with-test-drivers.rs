//! The tracker with stores that misbehave to choose from: what a third party's own program looks like.

use std::process::ExitCode;
use std::time::Duration;

use chihaya::storage::Drivers;
use proto_tests::failing::{FAILING, PANICKING, Unreachable};
use proto_tests::late::Late;
use proto_tests::wayward::{Covered, Wayward};

fn main() -> ExitCode {
    let wayward = Covered { driver: Wayward, timeout: Duration::from_millis(250) };
    chihaya::run(Drivers::builtin().with(Late).with(PANICKING).with(FAILING).with(Unreachable).with(wayward))
}
