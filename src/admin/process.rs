//! What the operating system says of this process, under the names that Prometheus's own clients use.

use super::text::Text;

/// Nothing where it is not told.
#[cfg(not(target_os = "linux"))]
pub(super) fn write(_text: &mut Text) {}

#[cfg(target_os = "linux")]
pub(super) fn write(text: &mut Text) {
    // A file that cannot be read leaves its metrics out.
    let _ = try_write(text);
}

#[cfg(target_os = "linux")]
fn try_write(text: &mut Text) -> procfs::ProcResult<()> {
    use procfs::process::{LimitValue, Process};
    use procfs::{CurrentSI, KernelStats};

    let process = Process::myself()?;
    let stat = process.stat()?;
    let ticks = procfs::ticks_per_second();
    let seconds = |in_ticks: u64| in_ticks as f64 / ticks as f64;
    let help = "Processor time that all threads have used, theirs and the kernel's for them.";
    text.counter("process_cpu_seconds_total", help).value(&[], seconds(stat.utime + stat.stime));
    text.gauge("process_resident_memory_bytes", "Memory in use.").value(&[], stat.rss * procfs::page_size());
    text.gauge("process_virtual_memory_bytes", "Address space in use.").value(&[], stat.vsize);
    text.gauge("process_threads", "Threads.").value(&[], stat.num_threads);
    text.gauge("process_open_fds", "Open files, sockets among them.").value(&[], process.fd_count()?);
    if let LimitValue::Value(limit) = process.limits()?.max_open_files.soft_limit {
        text.gauge("process_max_fds", "Files that may be open.").value(&[], limit);
    }
    let start = KernelStats::current()?.btime as f64 + seconds(stat.starttime);
    text.gauge("process_start_time_seconds", "When it was started, since 1970.").value(&[], start);
    Ok(())
}
