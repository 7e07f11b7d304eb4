use chihaya::storage::Drivers;
use ordered_tracker::OrderedDriver;

fn main() -> std::process::ExitCode {
    chihaya::run(Drivers::builtin().with(OrderedDriver))
}
