//! Measures the store on disk: `cargo run --release -p anser-store --example bench_store -- DIR [MESSAGES]`.
//!
//! Fills DIR with messages (one entry of 350 bytes and two index entries each) unless it is filled already,
//! then prints one line per figure: name, value, unit, aim. The opening is measured in a process of its own,
//! once right after the fill was killed and once after a normal end. Needs Linux for the figures of memory.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anser_store::{Batch, DataKeySource, Order, SledStore, Store, Table};

const VALUE_BYTES: usize = 350;
const BATCHES_PER_FLUSH: u64 = 50;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "target/bench-store".into());
    if let Some(step) = first.strip_prefix("--") {
        let dir = PathBuf::from(arguments.next().unwrap());
        let messages = arguments.next().unwrap().parse().unwrap();
        match step {
            "fill" => fill(&dir, messages),
            "open" => open_and_read(&dir, messages, &arguments.next().unwrap()),
            other => panic!("unknown step {other}"),
        }
        return;
    }
    let dir = PathBuf::from(first);
    let messages: u64 = arguments.next().map_or(1_000_000, |count| count.parse().unwrap());
    if !dir.exists() {
        step("fill", &dir, messages, "");
        figure("size on disk", megabytes(size_of(&dir)), "MB", "");
    }
    step("open", &dir, messages, "after kill -9");
    step("open", &dir, messages, "again");
    step("open", &dir, messages, "third time");
    let scratch = dir.with_extension("scratch");
    let _ = fs::remove_dir_all(&scratch);
    commits(&scratch);
    let _ = fs::remove_dir_all(&scratch);
    raw_sync(&dir);
}

/// Runs a step in a process of its own, so that memory and caches are its own.
fn step(step: &str, dir: &Path, messages: u64, note: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .arg(format!("--{step}"))
        .arg(dir)
        .arg(messages.to_string())
        .arg(note)
        .status()
        .unwrap();
    // The fill ends by killing itself.
    assert!(status.success() || step == "fill", "{step}: {status}");
}

fn fill(dir: &Path, messages: u64) {
    let mut store = SledStore::open(dir, DataKeySource::File).unwrap();
    let start = Instant::now();
    for number in 0..messages {
        write_message(&mut store, number);
        if number % BATCHES_PER_FLUSH == BATCHES_PER_FLUSH - 1 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    let seconds = start.elapsed().as_secs_f64();
    figure("fill: durable entries per second", messages as f64 * 3.0 / seconds, "1/s", "20000");
    figure("fill: memory at the end", memory_mb("VmRSS"), "MB", "");
    figure("fill: memory at most", memory_mb("VmHWM"), "MB", "");
    // Dying without a destructor is what kill -9 does to the store.
    std::process::abort();
}

fn open_and_read(dir: &Path, messages: u64, note: &str) {
    let start = Instant::now();
    let store = SledStore::open(dir, DataKeySource::File).unwrap();
    let name = |what: &str| format!("{what} ({note})");
    figure(&name("open"), milliseconds(start.elapsed()), "ms", "1000");
    let start = Instant::now();
    let last = timeline_key(messages);
    let page = page_before(&store, &last);
    figure(&name("first page of 50, descending"), milliseconds(start.elapsed()), "ms", "");
    assert_eq!(page, 50);
    figure(&name("memory after one page"), memory_mb("VmRSS"), "MB", "120");
    let mut pages = Vec::new();
    let mut spread = 1_u64;
    for _ in 0..500 {
        spread =
            spread.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let from = timeline_key(100 + (spread >> 33) % (messages - 100));
        let start = Instant::now();
        page_before(&store, &from);
        pages.push(start.elapsed());
    }
    figure(&name("random page of 50, p50"), milliseconds(quantile(&mut pages, 0.5)), "ms", "3");
    figure(&name("random page of 50, p99"), milliseconds(quantile(&mut pages, 0.99)), "ms", "");
    figure(&name("memory after 500 pages"), memory_mb("VmRSS"), "MB", "");
}

/// What the user interface does: the newest lines of a timeline, then each of the events.
fn page_before(store: &SledStore, upper: &[u8]) -> usize {
    let lines = store.scan(Table::Timeline, &[0; 16], Some(upper), Order::Descending, 50).unwrap();
    for (_, event) in &lines {
        assert_eq!(store.get(Table::Events, event).unwrap().unwrap().len(), VALUE_BYTES);
    }
    lines.len()
}

fn commits(dir: &Path) {
    let mut store = SledStore::open(dir, DataKeySource::File).unwrap();
    let groups = 400;
    let start = Instant::now();
    for number in 0..groups * BATCHES_PER_FLUSH {
        write_message(&mut store, number);
        if number % BATCHES_PER_FLUSH == BATCHES_PER_FLUSH - 1 {
            store.flush().unwrap();
        }
    }
    let entries = (groups * BATCHES_PER_FLUSH * 3) as f64;
    let rate = entries / start.elapsed().as_secs_f64();
    figure("durable entries per second, 50 batches of 3 per flush", rate, "1/s", "20000");
    let mut single = Vec::new();
    for number in 0..2000 {
        let start = Instant::now();
        write_message(&mut store, 1_000_000 + number);
        store.flush().unwrap();
        single.push(start.elapsed());
    }
    figure("one batch and flush, p50", milliseconds(quantile(&mut single, 0.5)), "ms", "");
    figure("one batch and flush, p99", milliseconds(quantile(&mut single, 0.99)), "ms", "");
}

/// What the disk itself takes to make 1.5 kB more of a file durable.
fn raw_sync(dir: &Path) {
    let path = dir.with_extension("raw");
    let mut file = File::create(&path).unwrap();
    let mut times = Vec::new();
    for _ in 0..2000 {
        let start = Instant::now();
        file.write_all(&[7; 1500]).unwrap();
        file.sync_data().unwrap();
        times.push(start.elapsed());
    }
    fs::remove_file(&path).unwrap();
    figure("raw write and fdatasync, p50", milliseconds(quantile(&mut times, 0.5)), "ms", "");
    figure("raw write and fdatasync, p99", milliseconds(quantile(&mut times, 0.99)), "ms", "");
}

fn write_message(store: &mut SledStore, number: u64) {
    let mut batch = Batch::new();
    let event = [(number % 7).to_be_bytes(), number.to_be_bytes()].concat();
    let mut value = vec![b'x'; VALUE_BYTES];
    value[..8].copy_from_slice(&number.to_le_bytes());
    let id = store.tag("event", &value[..32]);
    batch.put(Table::Ids, id, event.as_slice());
    batch.put(Table::Timeline, timeline_key(number), event.as_slice());
    batch.put(Table::Events, event, value);
    store.write(batch).unwrap();
}

fn timeline_key(number: u64) -> Vec<u8> {
    [1_u64.to_be_bytes(), number.to_be_bytes()].concat()
}

fn figure(name: &str, value: f64, unit: &str, aim: &str) {
    println!("{name:<56} {value:>12.2} {unit:<4} {aim}");
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn quantile(times: &mut [Duration], quantile: f64) -> Duration {
    times.sort();
    times[((times.len() - 1) as f64 * quantile) as usize]
}

fn memory_mb(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.trim().strip_suffix(" kB"))
        .and_then(|value| value.trim().parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0 / 1e6
}

fn size_of(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => size_of(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}
