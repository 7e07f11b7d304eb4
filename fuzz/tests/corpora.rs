//! Replays what fuzzing found worth keeping, with the stable compiler.

use std::fs;
use std::path::Path;

use chihaya_fuzz::TARGETS;

#[test]
fn every_target_is_fine_with_its_corpus() {
    for (name, target) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no corpus");
        inputs.iter().for_each(|input| target(input));
    }
}

/// Whatever one parser found interesting may surprise another.
#[test]
fn every_parser_is_fine_with_the_corpora_of_the_others() {
    // All but the configuration's, which is slow and reads files of operators, not of strangers.
    for (name, target) in TARGETS.iter().filter(|(name, _)| *name != "config") {
        let others = TARGETS.iter().filter(|(other, _)| other != name);
        others.flat_map(|(other, _)| inputs(other)).for_each(|input| target(&input));
    }
}

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| fs::read(entry.expect("an entry").path()).expect("a file")).collect()
}
