//! The `chihaya` program.
fn main() -> std::process::ExitCode {
    chihaya::run(chihaya::storage::Drivers::builtin())
}
