//! Sends garbage to a tracker that it starts, and tells what came back: `garbage [DATAGRAMS [TRACKER]]`.
//!
//! Ten million datagrams by default, to the tracker built beside this program.

use std::env;
use std::path::PathBuf;

use proto_tests::garbage;
use proto_tests::tracker::Tracker;

fn main() {
    let mut arguments = env::args().skip(1);
    let datagrams = arguments.next().map_or(10_000_000, |number| number.parse().expect("a number of datagrams"));
    let beside = || env::current_exe().expect("a running program has a path").with_file_name("chihaya-under-test");
    let program = arguments.next().map_or_else(beside, PathBuf::from);
    let tracker = Tracker::start_program(&program, garbage::CONFIG);
    println!("{}", garbage::run(&tracker, datagrams, rand::random()));
}
