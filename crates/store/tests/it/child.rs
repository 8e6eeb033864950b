//! This test binary as a process of its own, to be killed, locked out or run out of disk.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Set for the process that plays a part; its value is the folder of the store.
pub const FOLDER: &str = "ANSER_STORE_TEST_FOLDER";

/// The arguments that run the ignored test `part` of this binary and nothing else.
pub fn arguments(part: &str) -> Vec<String> {
    vec![part.into(), "--exact".into(), "--ignored".into(), "--nocapture".into()]
}

/// Whether this user may mount a file system of its own on `place`.
pub fn may_mount(place: &Path) -> bool {
    let mut attempt = Command::new("unshare");
    attempt.args(["--mount", "mount", "-t", "tmpfs", "none"]).arg(place);
    attempt.output().is_ok_and(|output| output.status.success())
}

/// The command for `part` with a file system in memory mounted on its folder, seen by it alone.
pub fn mounted(options: &str, part: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c"])
        .arg(format!("mount -t tmpfs -o {options} none \"${FOLDER}\" && exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(arguments(part));
    command
}

/// A running part. Killed when dropped.
pub struct Part {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Part {
    pub fn start(part: &str, folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments(part));
        Self::run(command, folder)
    }

    pub fn run(mut command: Command, folder: &Path) -> Self {
        let mut process = command
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next thing the part says (`say`), passing over what the test harness prints; `None` at its end.
    pub fn hear(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next()?.ok()?;
            if let Some((_, said)) = line.split_once(">> ") {
                return Some(said.to_owned());
            }
        }
    }

    /// SIGKILL, or what comes nearest; then everything it had said and we had not heard.
    pub fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        let rest = std::iter::from_fn(|| self.hear()).collect();
        self.process.wait().unwrap();
        rest
    }

    pub fn succeeds(mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}, said {said:?}");
        said
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder given by the parent; `None` where there is no parent.
pub fn folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

/// Says a line to the parent, at once.
pub fn say(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    out.write_all(format!(">> {line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
