//! Who answers, and when.

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_remote_store_answers_while_it_does() {
    let pair = Pair::new();
    // Another tracker's peer, of which only the remote store knows.
    answered(pair.remote.memory.apply(NOW, batch(&[comes(1, 1)]))).await;
    for fate in [AT_ONCE, Fate::Answered(TIMEOUT - Duration::from_millis(10))] {
        pair.fate(fate);
        let batch = pair.ask(&[scrape(1), comes(1, 2), scrape(2)]).await;
        assert_eq!(ports(&batch, 1), [1]);
        assert_eq!((counts(&batch, 1).leechers, counts(&batch, 2).leechers), (2, 0));
    }
    assert_eq!(pair.fallback.health(), Health { answered: 2, ..Health::default() });
    assert_eq!(pair.fallback.totals(), pair.remote.totals());
}

#[tokio::test(start_paused = true)]
async fn memory_answers_in_time_when_the_remote_store_does_not() {
    let pair = Pair::new();
    pair.ask(&[comes(1, 1), comes(2, 1)]).await;
    for fate in [Fate::Kept, Fate::Answered(2 * TIMEOUT)] {
        pair.fate(fate);
        let asked = Instant::now();
        let batch = pair.ask(&[comes(1, 2), scrape(2)]).await;
        assert!((TIMEOUT..=IN_TIME).contains(&asked.elapsed()), "{:?}", asked.elapsed());
        assert_eq!(ports(&batch, 0), [1]);
        assert_eq!((counts(&batch, 0).leechers, counts(&batch, 1).leechers), (2, 1));
        assert_eq!(pair.held(), 0, "what has timed out is dropped");
    }
    assert_eq!(pair.fallback.health(), Health { answered: 1, time_outs: 2, ..Health::default() });
}

#[tokio::test(start_paused = true)]
async fn what_the_remote_store_fails_memory_answers_request_by_request() {
    let pair = Pair::new();
    answered(pair.remote.memory.apply(NOW, batch(&[comes(1, 9), comes(3, 9)]))).await;
    pair.ask(&[comes(1, 1), comes(2, 1), comes(3, 1)]).await;
    for (fate, third) in
        [(Fate::FailedAbout(InfoHash([2; 20])), &[1, 9][..]), (Fate::CutShort(1), &[1]), (Fate::CutShort(2), &[1])]
    {
        pair.fate(fate);
        let batch = pair.ask(&[comes(1, 2), comes(2, 2), comes(3, 2)]).await;
        assert_eq!([ports(&batch, 0), ports(&batch, 1)], [vec![1, 9], vec![1]], "{fate:?}");
        assert_eq!(ports(&batch, 2), third, "{fate:?}");
    }
    pair.fate(Fate::Failed(Duration::ZERO));
    assert_eq!(ports(&pair.ask(&[comes(1, 2)]).await, 0), [1]);
    pair.fate(Fate::CutShort(0));
    assert_eq!(ports(&pair.ask(&[comes(1, 2)]).await, 0), [1]);
    assert_eq!(pair.fallback.health(), Health { answered: 4, failures: 2, ..Health::default() });
}

#[tokio::test(start_paused = true)]
async fn batches_under_way_are_bounded_and_those_beyond_are_answered_at_once() {
    let pair = Pair::new();
    pair.fate(Fate::Kept);
    let under_way: Vec<_> = (0..20).map(|port| pair.apply(&[comes(1, port + 1)])).collect();
    let at_once: Vec<_> = under_way.iter().map(|answer| matches!(answer, Answer::Ready(_))).collect();
    assert_eq!(at_once, [[false; 8].as_slice(), &[true; 12]].concat());
    assert_eq!((pair.held(), pair.asked()), (8, 8));
    let health = Health { in_flight: 8, unshared: 12, ..Health::default() };
    assert_eq!(pair.fallback.health(), health);
    // Nobody waits any more: as when a connection is closed.
    drop(under_way);
    assert_eq!(pair.held(), 0);
    assert_eq!(pair.fallback.health(), Health { in_flight: 0, ..health });
    assert_eq!(pair.fallback.0.answer(NOW, batch(&[scrape(1)])).entries.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_stand_in_answers_at_once_and_has_the_remote_store_told() {
    let pair = Pair::new();
    let stand_in = pair.fallback.stand_in().unwrap();
    for (port, fate) in [(1, AT_ONCE), (2, Fate::Answered(TIMEOUT / 2))] {
        pair.fate(fate);
        let batch = stand_in.answer(NOW, batch(&[comes(1, port)]));
        assert_eq!(counts(&batch, 0).leechers, u32::from(port));
        assert_eq!(ports(&batch, 0), (1..port).collect::<Vec<_>>());
    }
    assert_eq!(pair.remote.totals().peers, Some(PerFamily { v4: 2, v6: 0 }));
    assert_eq!(pair.fallback.health().in_flight, 1);
    sleep(TIMEOUT).await;
    assert_eq!(pair.fallback.health(), Health { answered: 2, ..Health::default() });
    // What is told is bounded likewise, and ends by itself.
    pair.fate(Fate::Kept);
    (0..20).for_each(|_| _ = stand_in.answer(NOW, batch(&[scrape(1)])));
    tokio::task::yield_now().await;
    assert_eq!((pair.held(), pair.fallback.health().unshared), (8, 12));
    sleep(IN_TIME).await;
    assert_eq!((pair.held(), pair.fallback.health().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let pair = Pair::with(Config { max_peers: 10, ..CONFIG });
    for port in 1..=20 {
        pair.ask(&[comes(1, port)]).await;
    }
    assert_eq!(pair.fallback.0.memory.totals().peers, Some(PerFamily { v4: 10, v6: 0 }));
    assert_eq!((pair.fallback.health().refused.room, pair.leechers(1).await.0), (10, 20));
    pair.break_off().await;
    assert_eq!(pair.leechers(1).await.0, 10);
}

#[tokio::test(start_paused = true)]
async fn sweeps_and_saves_reach_both() {
    let pair = Pair::new();
    pair.ask(&[comes(1, 1)]).await;
    (0..super::super::super::SWEEPS_PER_PASS).for_each(|_| pair.fallback.sweep(Now(NOW.0 + 4_000)));
    for totals in [pair.remote.totals(), pair.fallback.0.memory.totals()] {
        assert_eq!((totals.torrents, totals.peers, totals.expired), (Some(0), Some(PerFamily::default()), Some(1)));
    }
    assert_eq!(pair.fallback.save(NOW).unwrap_err().to_string(), "nowhere to save to");
}

fn fates() -> impl Strategy<Value = Fate> {
    let delay = || (0..500u64).prop_map(Duration::from_millis);
    prop_oneof![
        delay().prop_map(Fate::Answered),
        delay().prop_map(Fate::Failed),
        (0..4u8).prop_map(|torrent| Fate::FailedAbout(InfoHash([torrent; 20]))),
        (0..5usize).prop_map(Fate::CutShort),
        Just(Fate::Kept),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the remote store does: everyone is answered in time, in order, with what this process knows at least; in
    /// the end nothing is left with it, and once it is back it is asked again.
    #[test]
    fn everyone_is_answered_in_time(steps in prop::collection::vec((fates(), 1..6usize, 0..400u64), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let pair = Arc::new(Pair::new());
            let mut under_way = JoinSet::new();
            for (number, (fate, batches, pause)) in (0..).zip(steps) {
                pair.fate(fate);
                for again in 0..batches {
                    // Each peer comes twice, so that memory has it the second time, and to a few torrents.
                    let port = number + 1;
                    let requests: Vec<_> = (0..4).map(|torrent| comes(torrent, port)).collect();
                    let (asked, answer) = (Instant::now(), pair.apply(&requests));
                    under_way.spawn(async move {
                        let batch = answered(answer).await;
                        assert!(asked.elapsed() <= IN_TIME, "{:?}", asked.elapsed());
                        let returned: Vec<_> = batch.entries.iter().map(|entry| entry.request).collect();
                        assert_eq!(returned, requests);
                        for index in 0..4 {
                            assert!(counts(&batch, index).leechers >= 1, "{again}");
                            let ports = ports(&batch, index);
                            assert!(!ports.contains(&port) && ports.len() < usize::from(port), "{ports:?}");
                        }
                    });
                }
                assert!(pair.held() <= 9, "eight and a probe");
                sleep(Duration::from_millis(pause)).await;
            }
            while let Some(done) = under_way.join_next().await {
                done.unwrap();
            }
            pair.fate(AT_ONCE);
            let back = Instant::now();
            loop {
                let before = pair.asked();
                pair.ask(&[comes(9, 9)]).await;
                if !pair.fallback.health().degraded && pair.asked() > before {
                    break;
                }
                assert!(back.elapsed() < Duration::from_secs(10));
                sleep(Duration::from_millis(50)).await;
            }
            sleep(IN_TIME).await;
            assert_eq!((pair.held(), pair.fallback.health().in_flight), (0, 0));
        });
    }
}
