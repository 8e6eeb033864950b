//! The desktop program on a screen of its own: until it paints, and what it costs when idle.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Bed, build, clear};
use crate::bench::report::{Aim, Report};
use crate::bench::samples::Samples;
use crate::bench::usage::{cpu_percent, shared_out_mib, tree};

const STARTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(30);
/// Lines of a program that nobody has read yet.
const LINES: usize = 1_024;

pub fn measure(bed: &Bed, report: &mut Report) -> anyhow::Result<()> {
    let name = "desktop: start to first paint";
    if !bed.root.join("ui/dist/index.html").is_file() {
        report.skip(name, "the app's pages are not built: npm run build in ui");
        return Ok(());
    }
    if bed.builds {
        build(&bed.root, &["--package", "anser-desktop"])?;
    }
    let (_screen, display) = match screen() {
        Ok(screen) => screen,
        Err(error) => {
            report.skip(name, format!("{error:#}"));
            return Ok(());
        }
    };
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..STARTS {
        drop(last.take());
        // The first start of a profile makes its keys; later ones are what people see each day.
        let (app, time) = paint(bed, &display)?;
        times.push(time);
        last = Some(app);
    }
    let app = last.context("no start")?;
    let times = Samples::of(times).context("no start")?;
    report.add(format!("{name}, p50"), times.p50() / 1e3, "s", Aim::AtMost(1.5));
    report.add(format!("{name}, worst"), times.at(1.0) / 1e3, "s", Aim::None);
    std::thread::sleep(SETTLE);
    // The bus and its wrapper are not the program's.
    let all = tree(app.0.id());
    let own = all.into_iter().filter(|pid| !is_bus(*pid)).collect::<Vec<u32>>();
    report.add("desktop idle: CPU of all its processes", cpu_percent(&own, LONG)?, "%", Aim::None);
    let memory = shared_out_mib(&own)?;
    report.add("desktop idle: memory of all its processes (PSS)", memory, "MiB", Aim::None);
    Ok(())
}

/// A process in a group of its own, which ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // Ended already is as good.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<(Instant, String)> {
    let (lines_in, lines) = sync_channel(LINES);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines_in.send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
    lines
}

fn screen() -> anyhow::Result<(Running, String)> {
    let mut screen = Command::new("Xvfb");
    screen.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]);
    screen.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut screen = Running(screen.spawn().context("needs Xvfb (package xvfb)")?);
    let number = lines(screen.0.stdout.take().context("no pipe")?).recv_timeout(PATIENCE);
    let (_, number) = number.context("Xvfb names no display")?;
    Ok((screen, format!(":{}", number.trim())))
}

/// Starts the program and waits for its first picture.
fn paint(bed: &Bed, display: &str) -> anyhow::Result<(Running, Duration)> {
    let home = bed.folder.join("home");
    let run = bed.folder.join("run");
    clear(&run)?;
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o700))?;
    std::fs::create_dir_all(&home)?;
    let mut app = Command::new("dbus-run-session");
    app.arg("--").arg(&bed.desktop).env_clear().process_group(0);
    app.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
        app.env(name, &home);
    }
    app.env("XDG_RUNTIME_DIR", &run).env("DISPLAY", display).env("ANSER_BENCH_PAINT", "1");
    app.env("NO_AT_BRIDGE", "1").env("GSETTINGS_BACKEND", "memory").env("GDK_BACKEND", "x11");
    app.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut app = Running(app.spawn().context("needs dbus-run-session (package dbus)")?);
    let said = lines(app.0.stderr.take().context("no pipe")?);
    loop {
        let left = (start + PATIENCE).saturating_duration_since(Instant::now());
        let (at, line) = said.recv_timeout(left).context("the program painted nothing")?;
        if line.contains("first_paint_ms") {
            return Ok((app, at.saturating_duration_since(start)));
        }
    }
}

fn is_bus(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.starts_with("dbus-")
}
