//! What processes use, as Linux tells in /proc.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Linux tells times in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// Processor time of these processes so far, in seconds.
fn cpu_s(pids: &[u32]) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for pid in pids {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("a process ended")?;
        // The name may hold anything, but ends with the last parenthesis.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        for at in [11, 12] {
            let field = fields.get(at).context("/proc/PID/stat is shorter than known")?;
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(ticks as f64 / TICKS_PER_S)
}

/// Share of one core that these processes use over `long`, in percent.
pub fn cpu_percent(pids: &[u32], long: Duration) -> anyhow::Result<f64> {
    let (before, start) = (cpu_s(pids)?, Instant::now());
    std::thread::sleep(long);
    Ok((cpu_s(pids)? - before) / start.elapsed().as_secs_f64() * 100.0)
}

fn field_mib(path: &str, name: &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).context("no such field")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}

/// Resident memory of a process, in MiB.
pub fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    field_mib(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Memory of processes that share some of it, each shared page counted once, in MiB.
pub fn shared_out_mib(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|pid| field_mib(&format!("/proc/{pid}/smaps_rollup"), "Pss:")).sum()
}

/// A process and everything it started, directly or not.
pub fn tree(root: u32) -> Vec<u32> {
    let mut tree = vec![root];
    let mut at = 0;
    while let Some(pid) = tree.get(at).copied() {
        at += 1;
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            tree.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    tree
}
