//! When the remote store is asked no more, and when again.

use super::*;

#[tokio::test(start_paused = true)]
async fn after_three_time_outs_nobody_waits_any_more() {
    let pair = Pair::new();
    pair.ask(&[comes(1, 1)]).await;
    pair.fate(Fate::Kept);
    let mut taken = Vec::new();
    for _ in 0..10 {
        let (leechers, time) = pair.leechers(1).await;
        assert_eq!(leechers, 1);
        taken.push(time >= TIMEOUT);
    }
    assert_eq!(taken, [[true; 3].as_slice(), &[false; 7]].concat());
    let health = pair.fallback.health();
    let after_one = Health { answered: 1, degraded: true, degradations: 1, ..Health::default() };
    assert_eq!(health, Health { time_outs: 3, unshared: 7, ..after_one });
}

#[tokio::test(start_paused = true)]
async fn one_success_in_between_and_it_stays_in_use() {
    let pair = Pair::new();
    for fate in [Fate::Kept, Fate::Kept, AT_ONCE].repeat(10) {
        pair.fate(fate);
        pair.ask(&[scrape(1)]).await;
    }
    assert_eq!(pair.fallback.health(), Health { answered: 10, time_outs: 20, ..Health::default() });
}

#[tokio::test(start_paused = true)]
async fn failures_that_last_open_it_and_those_of_some_torrents_do_not() {
    let pair = Pair::new();
    let failing = InfoHash([1; 20]);
    pair.fate(Fate::FailedAbout(failing));
    for _ in 0..20 {
        for torrent in [1, 1, 1, 2] {
            pair.ask(&[scrape(torrent)]).await;
        }
        pair.ask(&[scrape(1), scrape(2)]).await;
        sleep(Duration::from_millis(400)).await;
    }
    assert!(!pair.fallback.health().degraded);
    pair.fate(Fate::Failed(Duration::ZERO));
    let began = Instant::now();
    while !pair.fallback.health().degraded {
        pair.ask(&[scrape(1)]).await;
        assert!(began.elapsed() < Duration::from_secs(2));
        sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn probes_come_one_at_a_time_and_nobody_waits_for_them() {
    let pair = Pair::new();
    pair.break_off().await;
    let asked = pair.asked();
    for _ in 0..60_000 / 5 {
        let (_, time) = pair.leechers(1).await;
        assert_eq!(time, Duration::ZERO);
        assert!(pair.held() <= 1);
        sleep(Duration::from_millis(5)).await;
    }
    // A minute of pauses of 0.1 s, 0.2 s, … 3.2 s, then 5 s, each of which may be half as long, and the time-outs.
    let probes = pair.asked() - asked;
    assert!((14..=28).contains(&probes), "{probes}");
    assert_eq!(pair.fallback.health().degradations, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_in_use_again_within_ten_seconds_and_swarms_mend() {
    let pair = Pair::new();
    pair.break_off().await;
    // Away for a while, with traffic that probes it.
    for _ in 0..400 {
        pair.ask(&[comes(1, 1)]).await;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(pair.remote.totals().torrents, Some(0));
    pair.fate(Fate::Answered(Duration::from_millis(1)));
    let back = Instant::now();
    while pair.fallback.health().degraded {
        pair.ask(&[scrape(2)]).await;
        sleep(Duration::from_millis(100)).await;
        assert!(back.elapsed() < Duration::from_secs(10));
    }
    pair.ask(&[comes(1, 1)]).await;
    assert_eq!(pair.remote.totals().torrents, Some(1));
    assert_eq!(pair.fallback.health().degradations, 1);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_asks_sweeps_notice_that_it_is_back() {
    let pair = Pair::new();
    pair.break_off().await;
    let sweep = async || {
        sleep(Duration::from_secs(1)).await;
        pair.fallback.sweep(NOW);
    };
    for _ in 0..60 {
        sweep().await;
    }
    pair.fate(Fate::Answered(TIMEOUT / 2));
    for _ in 0..8 {
        sweep().await;
    }
    let health = pair.fallback.health();
    assert_eq!((health.degraded, health.unshared), (false, 0));
    assert_eq!(pair.remote.totals().torrents, Some(0));
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_it_opened_does_not_open_it_again() {
    let pair = Pair::new();
    pair.fate(Fate::Kept);
    let first: Vec<_> = (0..3).map(|_| pair.apply(&[scrape(1)])).collect();
    sleep(Duration::from_millis(100)).await;
    let second: Vec<_> = (0..5).map(|_| pair.apply(&[scrape(1)])).collect();
    for answer in first {
        answered(answer).await;
    }
    assert!(pair.fallback.health().degraded);
    // It is back before the others have timed out.
    pair.fate(AT_ONCE);
    while pair.fallback.health().degraded {
        sleep(Duration::from_millis(1)).await;
        pair.ask(&[scrape(1)]).await;
    }
    for answer in second {
        answered(answer).await;
    }
    let health = pair.fallback.health();
    assert_eq!((health.degraded, health.degradations, health.time_outs), (false, 1, 8));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_again_at_once_is_not_asked_more_often_for_having_been_back() {
    let pair = Pair::new();
    let changes = |seconds| {
        let pair = &pair;
        async move {
            let before = pair.fallback.health().degradations;
            let until = Instant::now() + Duration::from_secs(seconds);
            while Instant::now() < until {
                // It answers probes alone.
                pair.fate(if pair.fallback.health().degraded { AT_ONCE } else { Fate::Kept });
                pair.ask(&[scrape(1)]).await;
                sleep(Duration::from_millis(10)).await;
            }
            pair.fallback.health().degradations - before
        }
    };
    changes(60).await;
    let degradations = changes(60).await;
    assert!(degradations <= 20, "{degradations} in a minute");
}

#[test]
fn outside_a_runtime_a_probe_is_given_up_and_comes_again() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let pair = runtime.block_on(async {
        let pair = Pair::new();
        pair.break_off().await;
        sleep(Duration::from_secs(1)).await;
        pair
    });
    // Real time is far from the paused one, so the moment is made up.
    let breaker = &pair.fallback.0.breaker;
    let later = |seconds| Instant::now() + Duration::from_secs(seconds);
    for minute in 1..10 {
        let pass = breaker.pass(later(60 * minute));
        assert_eq!(pass, Some(Pass::Probe));
        assert_eq!(breaker.pass(later(60 * minute)), None, "one at a time");
        assert_eq!(breaker.report(Pass::Probe, Outcome::GivenUp, later(60 * minute)), None);
    }
    assert_eq!(pair.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_five_seconds_and_differ_from_one_key_to_another() {
    let pauses = |seed: u64| {
        let start = Instant::now();
        let breaker = Breaker::new(SmallRng::seed_from_u64(seed), start);
        (0..3).for_each(|_| _ = breaker.report(Pass::Ordinary(0), Outcome::TimedOut, start));
        let (mut now, mut pauses) = (start, Vec::new());
        for _ in 0..12 {
            let asked = now;
            while breaker.pass(now).is_none() {
                now += Duration::from_millis(1);
            }
            breaker.report(Pass::Probe, Outcome::TimedOut, now);
            pauses.push((now - asked).as_millis());
        }
        pauses
    };
    for seed in 0..50 {
        for (probes, pause) in pauses(seed).into_iter().enumerate() {
            let longest = (100 << probes).min(5_000);
            assert!((longest / 2..=longest).contains(&pause), "{probes}: {pause}");
        }
    }
    assert_eq!(pauses(1), pauses(1));
    assert_ne!(pauses(1), pauses(2));
}

#[tokio::test(start_paused = true)]
async fn totals_are_those_of_who_answers() {
    let pair = Pair::new();
    answered(pair.remote.memory.apply(NOW, batch(&[comes(1, 1), comes(2, 2)]))).await;
    pair.ask(&[comes(3, 3)]).await;
    assert_eq!(pair.fallback.totals().torrents, Some(3));
    pair.break_off().await;
    assert_eq!(pair.fallback.totals().torrents, Some(1));
    pair.fate(AT_ONCE);
    while pair.fallback.health().degraded {
        sleep(Duration::from_millis(100)).await;
        pair.ask(&[scrape(1)]).await;
    }
    assert_eq!(pair.fallback.totals().torrents, Some(3));
}
