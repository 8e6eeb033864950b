//! One relay process: started, waited for by what it says, killed, started again on its ports.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// Nothing here takes that long, except when it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anser-relay"));
    command.env_remove("ANSER_RELAY_CONFIG");
    command
}

pub struct Relay {
    child: Child,
    lines: mpsc::Receiver<String>,
    pub http: SocketAddr,
    pub admin: SocketAddr,
    pub folder: tempfile::TempDir,
    flags: Vec<String>,
}

impl Relay {
    pub fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let defaults = [
            ("--limits.commands_burst", "100000"),
            ("--limits.connections_address", "1000"),
            ("--limits.drain_s", "5"),
        ];
        for (key, value) in defaults {
            if !flags.iter().any(|flag| flag.starts_with(key)) {
                flags.push(format!("{key}={value}"));
            }
        }
        let none: SocketAddr = ([127, 0, 0, 1], 0).into();
        let (child, lines, http, admin) = launch(&folder.path().join("data"), &flags, (none, none));
        Self { child, lines, http, admin, folder, flags }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Asks it to end, and returns whether it ended well.
    pub fn terminate(&mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Whether it ends well, having been told to.
    pub fn ends_well(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Starts it again, on the same ports and data.
    pub fn restart(&mut self) {
        let (child, lines, ..) = launch(&self.data(), &self.flags, (self.http, self.admin));
        (self.child, self.lines) = (child, lines);
    }

    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it says something")
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        request(self.http, "GET", path, headers, b"").expect("it answers")
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(self.http, "POST", path, headers, body).expect("it answers")
    }

    /// A token that may publish anywhere.
    pub fn token(&self) -> String {
        let name = format!("t{}", getrandom_name());
        self.command(&["token", "create", &name])
    }

    /// Runs a command of the program against this relay and returns its line.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = program()
            .args(arguments)
            .arg(format!("--data={}", self.data().display()))
            .arg(format!("--admin.listen={}", self.admin))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn publish(&self, token: &str, topic: &str, number: usize) -> Value {
        let answer = self.post(
            &format!("/v1/topics/{topic}?type=note"),
            &[("authorization", &format!("Bearer {token}"))],
            format!("{{\"n\":{number}}}").as_bytes(),
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn getrandom_name() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    data_encoding::HEXLOWER.encode(&bytes)
}

fn launch(
    data: &std::path::Path,
    flags: &[String],
    (http, admin): (SocketAddr, SocketAddr),
) -> (Child, mpsc::Receiver<String>, SocketAddr, SocketAddr) {
    let mut child = program()
        .arg(format!("--data={}", data.display()))
        .arg(format!("--http.listen={http}"))
        .arg(format!("--admin.listen={admin}"))
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = mpsc::channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    let address = |name: &str| -> SocketAddr {
        let line = lines.recv_timeout(PATIENCE).expect("it comes up");
        let rest = line.strip_prefix(name).unwrap_or_else(|| panic!("{line}"));
        let rest = rest.split("//").nth(1).unwrap();
        rest.split([' ', '/']).next().unwrap().parse().unwrap()
    };
    let http = address("http: ");
    let admin = address("admin: ");
    (child, lines, http, admin)
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn code(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub fn head(method: &str, path: &str, headers: &[(&str, &str)], host: SocketAddr) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

/// One request on a connection of its own.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = head(method, path, headers, address).into_bytes();
    bytes.extend_from_slice(b"connection: close\r\n");
    if !body.is_empty() {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    // The other side may answer and close before it has read everything.
    let _ = stream.write_all(&bytes);
    let mut read = Vec::new();
    let result = stream.read_to_end(&mut read);
    let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
        result?;
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let body = read.split_off(end + 4);
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    if method != "HEAD" && length.is_some_and(|length: usize| length != body.len()) {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head, body })
}
