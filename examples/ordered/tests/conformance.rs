use chihaya::storage::Settings;
use chihaya::storage::conformance::{Kit, Time};
use ordered_tracker::OrderedDriver;

#[test]
fn it_keeps_every_promise() {
    Kit::new(&OrderedDriver, Settings::default(), Time::Given).run().assert();
}
