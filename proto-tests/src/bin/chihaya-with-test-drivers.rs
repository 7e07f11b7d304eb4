//! The tracker with stores that misbehave to choose from: what a third party's own program looks like.

use std::process::ExitCode;

use chihaya::storage::Drivers;
use proto_tests::failing::{FAILING, PANICKING, Unreachable};
use proto_tests::late::Late;

fn main() -> ExitCode {
    chihaya::run(Drivers::builtin().with(Late).with(PANICKING).with(FAILING).with(Unreachable))
}
