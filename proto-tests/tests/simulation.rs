//! The tracker simulated: no seed breaks a promise, the same seed is the same run, and planted defects are found.

use proto_tests::simulation::{Defect, Simulation};
use tokio::runtime::{Builder, Runtime};

#[test]
fn no_seed_breaks_a_promise() {
    let report = SOUND.search(0..1_000).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report:?}");
    assert!(report.replies > 200_000, "{report:?}");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let [one, other] = [(); 2].map(|()| SOUND.run(seed).unwrap_or_else(|failure| panic!("{failure}")));
        assert_eq!(one, other, "seed {seed}");
    }
}

#[test]
fn planted_defects_are_found() {
    for defect in Defect::ALL {
        let planted = Simulation { defect: Some(defect), ..SOUND };
        let failure = planted.search(0..200).err().unwrap_or_else(|| panic!("{defect:?} is not found"));
        println!("{defect:?}: {failure}");
        // What is found once is found again.
        let again = planted.run(failure.seed).expect_err("the same seed fails again");
        assert_eq!(again, failure);
    }
}

const SOUND: Simulation = Simulation { runtime, defect: None, told: false };

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without I/O can be had")
}
