//! Hands one target to libFuzzer: that which `FUZZ_TARGET` names.

#![no_main]

use std::env;
use std::sync::LazyLock;

use chihaya_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    chihaya_fuzz::target(&name)
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| TARGET(input));
