//! What callgrind says of the program that asks.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A function and all that it calls.
#[derive(Debug)]
pub struct Cost {
    /// Its name, with the path of its module.
    pub function: String,
    /// How often it was called.
    pub calls: u64,
    /// Those of all calls.
    pub instructions: u64,
}

/// Runs this program under callgrind with these arguments.
///
/// # Errors
///
/// If there is no valgrind, or the program fails.
pub fn costs(arguments: &[impl AsRef<OsStr>]) -> Result<Vec<Cost>> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    valgrind.arg("--callgrind-out-file=/dev/stdout").arg(env::current_exe()?).args(arguments);
    let output = valgrind.output().context("cannot run valgrind (apt-get install valgrind)")?;
    ensure!(output.status.success(), "valgrind {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

/// Sums up the calls of each function. Each is told in three lines: whom (`cfn=`), how often (`calls=`), and after the
/// line it is called from, the instructions it took.
fn read(profile: &str) -> Vec<Cost> {
    let mut sums = BTreeMap::<_, (u64, u64)>::new();
    let mut lines = profile.lines();
    let mut function = "";
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("cfn=") {
            function = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let sum = sums.entry(function).or_default();
            sum.0 += number(calls.split(' ').next());
            sum.1 += number(lines.next().and_then(|line| line.split(' ').nth(1)));
        }
    }
    let cost = |(function, (calls, instructions)): (&str, _)| Cost { function: function.into(), calls, instructions };
    sums.into_iter().map(cost).collect()
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).expect("a number in callgrind's profile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_from_several_places_are_summed_up() {
        let profile = "events: Ir\n\nfn=a::main\n16 400\ncfi=b.rs\ncfn=b::one\ncalls=2 7\n16 30\ncfn=b::two\ncalls=1 9\n\
                       17 5\n\nfn=a::other\n1 2\ncfn=b::one\ncalls=3 7\n2 45\n";
        let costs = read(profile);
        let told: Vec<_> = costs.iter().map(|cost| (cost.function.as_str(), cost.calls, cost.instructions)).collect();
        assert_eq!(told, [("b::one", 5, 75), ("b::two", 1, 5)]);
    }
}
