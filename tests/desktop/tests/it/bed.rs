//! A desktop of its own for each test: display, session bus, home. Nothing of the real one is
//! seen or touched, and everything ends with the test.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anser_e2e_desktop::{program, tool};
use tempfile::TempDir;

/// Longest wait for anything; a slow machine with other work on it needs most of it.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A process that ends, with everything it started, when this is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// Starts a process in a group of its own.
pub fn start(command: &mut Command) -> Running {
    let name = command.get_program().to_owned();
    let child = command.process_group(0).spawn();
    Running(child.unwrap_or_else(|error| panic!("{}: {error}", name.display())))
}

/// Lines of a stream, from a thread that ends with it.
pub fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (lines, out) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    out
}

/// The desktop.
pub struct Bed {
    // Processes end before their folder goes.
    _running: Vec<Running>,
    folder: TempDir,
    pub display: String,
    pub bus: String,
}

impl Bed {
    /// A screen of the size of the window and an empty session bus.
    pub fn make() -> Self {
        let xvfb = tool("Xvfb", "xvfb").unwrap();
        let daemon = tool("dbus-daemon", "dbus").unwrap();
        tool("WebKitWebDriver", "webkit2gtk-driver").unwrap();
        let folder = TempDir::with_prefix("anser-desktop-").unwrap();
        for name in ["home", "config", "data", "cache", "run"] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        // Links that the program hands to the system come out of a pipe.
        let stub = folder.path().join("xdg-open");
        std::fs::write(&stub, "#!/bin/sh\necho \"$1\" >\"$XDG_RUNTIME_DIR/opened\"\n").unwrap();
        std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o700)).unwrap();
        let pipe = folder.path().join("run/opened");
        rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RWXU).unwrap();
        let mut xvfb = start(
            Command::new(xvfb)
                .args(["-displayfd", "1", "-screen", "0", "1120x740x24", "-nolisten", "tcp"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let number = lines(xvfb.0.stdout.take().unwrap()).recv_timeout(DEADLINE);
        let display = format!(":{}", number.expect("Xvfb names its display").trim());

        // No service starts by itself: no keyring that asks, no real notification daemon.
        let socket = folder.path().join("run/bus");
        let file = folder.path().join("bus.conf");
        let configuration = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen>\
             <auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\"/>\
             <allow own=\"*\"/><allow eavesdrop=\"true\"/></policy></busconfig>",
            socket.display()
        );
        std::fs::write(&file, configuration).unwrap();
        let mut bus = start(
            Command::new(daemon)
                .arg(format!("--config-file={}", file.display()))
                .args(["--nofork", "--print-address=1"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let address = lines(bus.0.stdout.take().unwrap()).recv_timeout(DEADLINE);
        let bus_address = address.expect("dbus-daemon prints its address");
        Self { _running: vec![xvfb, bus], folder, display, bus: bus_address }
    }

    /// A program with this desktop's surroundings and no others.
    pub fn command(&self, program: &Path) -> Command {
        let at = |name: &str| self.folder.path().join(name).into_os_string();
        let mut path = self.folder.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let variables: [(&str, OsString); 13] = [
            ("PATH", path),
            ("HOME", at("home")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
            ("XDG_CACHE_HOME", at("cache")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("DISPLAY", self.display.clone().into()),
            ("DBUS_SESSION_BUS_ADDRESS", self.bus.clone().into()),
            ("LANG", "C.UTF-8".into()),
            ("GDK_BACKEND", "x11".into()),
            ("NO_AT_BRIDGE", "1".into()),
            ("GSETTINGS_BACKEND", "memory".into()),
            ("ANSER_LOG", "info".into()),
        ];
        let mut command = Command::new(program);
        command.env_clear().envs(variables);
        command
    }

    /// The desktop program.
    pub fn desktop() -> PathBuf {
        program("anser-desktop", "anser-desktop").unwrap()
    }

    /// The headless program.
    pub fn headless() -> PathBuf {
        program("anser", "anser-cli").unwrap()
    }

    /// Where the program keeps its profile on this desktop.
    pub fn profile(&self) -> PathBuf {
        self.folder.path().join("data/anser")
    }

    /// Links that the program hands to the system; can be taken once.
    pub fn opened(&self) -> Receiver<String> {
        // Open for both, so that opening waits for nobody and reading goes on after each writer.
        let path = self.path("run/opened");
        lines(std::fs::File::options().read(true).write(true).open(path).unwrap())
    }

    /// A path in this desktop's own folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Keeps a picture of the whole screen as target/screens/NAME.png.
    pub fn picture(&self, name: &str) {
        let import = tool("import", "imagemagick").unwrap();
        let target = Self::desktop().ancestors().nth(2).unwrap().join("screens");
        std::fs::create_dir_all(&target).unwrap();
        let file = target.join(format!("{name}.png"));
        let done = self.command(&import).args(["-window", "root"]).arg(&file).status().unwrap();
        assert!(done.success(), "import could not take a picture");
    }
}
