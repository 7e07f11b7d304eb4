//! A share of one processor for a process: what it is then short of, others have.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Confines a process for as long as it is kept.
pub struct Quota {
    pid: u32,
    means: Means,
}

enum Means {
    /// A control group of its own (cgroups(7)), in the first version's hierarchy or the second's.
    Group(PathBuf),
    /// Where this machine lets us make none: the process is stopped and continued in turns.
    Pauses { stop: Arc<AtomicBool>, thread: Option<JoinHandle<()>> },
}

impl Quota {
    /// Confines a running process to so many hundredths of one processor.
    pub fn confine(pid: u32, percent: u32) -> Self {
        let period = QUOTA * 100 / percent;
        let means = group(pid, period).map_or_else(|_| pauses(pid, period), Means::Group);
        Self { pid, means }
    }

    /// Whether it is kept to exactly, and not about.
    pub fn is_exact(&self) -> bool {
        matches!(self.means, Means::Group(_))
    }

    /// How it is done.
    pub fn means(&self) -> &'static str {
        match self.means {
            Means::Group(_) => "a control group",
            Means::Pauses { .. } => "signals",
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        match &mut self.means {
            Means::Group(group) => {
                // It may have ended, which empties the group as well.
                let _ = group.parent().map(|parent| fs::write(parent.join("cgroup.procs"), self.pid.to_string()));
                let _ = fs::remove_dir(group);
            }
            Means::Pauses { stop, thread } => {
                stop.store(true, Ordering::Relaxed);
                let _ = thread.take().map(JoinHandle::join);
            }
        }
    }
}

/// How long a process has used a processor, to a hundredth of a second (proc(5), `utime` and `stime`).
pub fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a process has a name");
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number of ticks"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// A group with a quota of each period, and the process in it.
fn group(pid: u32, period: Duration) -> io::Result<PathBuf> {
    let (root, first_version) = hierarchy().ok_or(io::ErrorKind::NotFound)?;
    if !first_version {
        fs::write(root.join("cgroup.subtree_control"), "+cpu")?;
    }
    let group = root.join(format!("quota-{pid}"));
    fs::create_dir(&group)?;
    let (period, quota) = (period.as_micros(), QUOTA.as_micros());
    let confine = || {
        if first_version {
            fs::write(group.join("cpu.cfs_period_us"), period.to_string())?;
            fs::write(group.join("cpu.cfs_quota_us"), quota.to_string())?;
        } else {
            fs::write(group.join("cpu.max"), format!("{quota} {period}"))?;
        }
        fs::write(group.join("cgroup.procs"), pid.to_string())
    };
    confine().inspect_err(|_| _ = fs::remove_dir(&group))?;
    Ok(group)
}

/// Where groups that share processors are made, and whether it is in the first version's way.
fn hierarchy() -> Option<(PathBuf, bool)> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mut found = None;
    for line in mounts.lines() {
        let [_, place, kind, options, ..] = line.split(' ').collect::<Vec<_>>()[..] else { continue };
        if kind == "cgroup" && options.split(',').any(|option| option == "cpu") {
            return Some((PathBuf::from(place), true));
        }
        if kind == "cgroup2" && Path::new(place).join("cgroup.subtree_control").exists() {
            found = Some((PathBuf::from(place), false));
        }
    }
    found
}

fn pauses(pid: u32, period: Duration) -> Means {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process has an id");
    let thread = thread::spawn(move || {
        // It may end meanwhile; then there is nothing left to confine.
        while !stopped.load(Ordering::Relaxed) && kill_process(pid, Signal::STOP).is_ok() {
            thread::sleep(period - QUOTA);
            let _ = kill_process(pid, Signal::CONT);
            thread::sleep(QUOTA);
        }
    });
    Means::Pauses { stop, thread: Some(thread) }
}

/// What a process has of each period: the least that the kernel takes, so that what arrives while it is used up fits the receive
/// buffer of the process.
const QUOTA: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;
    use crate::process::Process;
    use crate::wait_for;

    #[test]
    fn a_busy_process_gets_its_share_and_no_more() {
        let busy = || Process::start(Command::new("/bin/sh").args(["-c", "while :; do :; done"]));
        let confine: [fn(u32) -> Quota; 2] =
            [|pid| Quota::confine(pid, 20), |pid| Quota { pid, means: pauses(pid, QUOTA * 5) }];
        for confine in confine {
            let process = busy();
            let quota = confine(process.pid());
            let (before, begun) = (processor_time(process.pid()), Instant::now());
            let used = || processor_time(process.pid()) - before;
            wait_for("the process to get its share", Duration::from_secs(20), || {
                if used() >= Duration::from_millis(300) { Ok(()) } else { Err(format!("{:?}", used())) }
            });
            let share = used().as_secs_f64() / begun.elapsed().as_secs_f64();
            assert!(share < 0.35, "{share} by {}", quota.means());
        }
    }
}
