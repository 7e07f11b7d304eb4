//! The tracker with stores that misbehave to choose from: what a third party's own program looks like.

use std::process::ExitCode;

use chihaya::storage::Drivers;
use proto_tests::failing::{Failing, Panicking, Unreachable};
use proto_tests::late::Late;

fn main() -> ExitCode {
    chihaya::run(Drivers::builtin().with(Late).with(Panicking).with(Failing).with(Unreachable))
}
