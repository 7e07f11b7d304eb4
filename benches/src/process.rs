//! What the kernel says of a process: processor time and resident memory; and which core it may use.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Processor time a process has used, all its threads together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CpuTime {
    /// In its own code.
    pub user: Duration,
    /// In the kernel, for it.
    pub system: Duration,
}

impl CpuTime {
    /// What `process` has used so far.
    ///
    /// # Errors
    ///
    /// If it has ended: then nothing measured since is worth anything.
    pub fn of(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/stat");
        let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
        Self::parse(&stat).with_context(|| format!("{path}: not what proc(5) says: {stat}"))
    }

    /// Fields 14 and 15 of proc_pid_stat(5), counted behind the program's name, which may hold spaces.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next = || Some(Duration::from_millis(fields.next()?.ok()? * MILLISECONDS_PER_TICK));
        Some(Self { user: next()?, system: next()? })
    }

    /// What has been used since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { user: self.user.saturating_sub(earlier.user), system: self.system.saturating_sub(earlier.system) }
    }

    /// Both together.
    pub fn total(self) -> Duration {
        self.user + self.system
    }
}

/// Bytes of memory a process has resident, to the page.
///
/// # Errors
///
/// If it has ended, or is not ours to look at.
pub fn resident_bytes(process: u32) -> Result<u64> {
    // The counters in `status` are allowed to be some pages per core wrong; this is counted at the moment it is read.
    let path = format!("/proc/{process}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kibibytes = rollup.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB")?.parse().ok());
    kibibytes.map(|kibibytes: u64| kibibytes * 1_024).with_context(|| format!("{path} has no line of resident memory"))
}

/// Keeps the calling thread, and what it starts from now on, on one core.
///
/// # Errors
///
/// If there is no such core.
pub fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    let pinned = cores.set(core).and_then(|()| sched_setaffinity(THIS_THREAD, &cores));
    pinned.with_context(|| format!("there is no core {core} for this program; try --no-pin"))
}

/// Does `start` on a core; a process that it starts stays there, this thread does not.
///
/// # Errors
///
/// If there is no such core.
pub fn on_core<T>(core: Option<usize>, start: impl FnOnce() -> T) -> Result<T> {
    let Some(core) = core else { return Ok(start()) };
    let before = sched_getaffinity(THIS_THREAD).expect("a thread may ask for its cores");
    pin(core)?;
    let started = start();
    sched_setaffinity(THIS_THREAD, &before).expect("these cores were ours before");
    Ok(started)
}

const THIS_THREAD: Pid = Pid::from_raw(0);

/// proc(5) counts in ticks of `sysconf(_SC_CLK_TCK)`, which Linux has at 100 a second everywhere.
const MILLISECONDS_PER_TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_stands_behind_the_name_however_it_is_spelt() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 90 0 0 0 123 45 0 0 20 0 3 0 99 1 2";
        let expected = CpuTime { user: Duration::from_millis(1_230), system: Duration::from_millis(450) };
        assert_eq!(CpuTime::parse(stat), Some(expected));
        assert_eq!(CpuTime::parse("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_grows_with_what_is_written() {
        let before = resident_bytes(std::process::id()).unwrap();
        let written = vec![1_u8; 64 << 20];
        let growth = resident_bytes(std::process::id()).unwrap().saturating_sub(before);
        // Other tests run beside this one, and grow or shrink.
        assert!((32 << 20..512 << 20).contains(&growth), "{growth} bytes");
        drop(written);
    }

    #[test]
    fn a_thread_comes_back_from_the_core_it_starts_a_process_on() {
        let before = sched_getaffinity(THIS_THREAD).unwrap();
        let inside = on_core(Some(0), || sched_getaffinity(THIS_THREAD).unwrap()).unwrap();
        assert!(inside.is_set(0).unwrap() && (1..CpuSet::count()).all(|core| !inside.is_set(core).unwrap()));
        assert_eq!(sched_getaffinity(THIS_THREAD).unwrap(), before);
        assert!(pin(CpuSet::count() - 1).unwrap_err().to_string().ends_with("; try --no-pin"));
    }
}
