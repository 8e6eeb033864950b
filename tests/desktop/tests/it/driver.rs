//! The program's page, driven as a person would: a small WebDriver client.
//!
//! Waiting happens in the page, on what changes there, with a deadline; never by the clock.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{Bed, DEADLINE, Running, lines, start};

/// What WebDriver calls an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The Enter key in WebDriver's alphabet.
pub const ENTER: &str = "\u{e007}";

/// True when the main view is there.
pub const MAIN_VIEW: &str = "document.querySelector('aside.sidebar')";

/// A running program with its page.
pub struct App {
    session: String,
    agent: ureq::Agent,
    driver: Running,
}

impl App {
    /// Starts the program and waits for its page.
    pub fn start(bed: &Bed, arguments: &[&str]) -> Self {
        Self::start_with(bed, arguments, &[])
    }

    /// As [`Self::start`], with further variables of the environment.
    pub fn start_with(bed: &Bed, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let tool = anser_e2e_desktop::tool("WebKitWebDriver", "webkit2gtk-driver").unwrap();
        let mut command: Command = bed.command(&tool);
        // Without this variable creating the session hangs.
        command.env("TAURI_WEBVIEW_AUTOMATION", "true").envs(variables.iter().copied());
        let driver = start(command.arg(format!("--port={port}")).stdout(Stdio::null()));
        wait_for_port(port);

        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE + Duration::from_secs(5)))
            .proxy(None);
        let agent: ureq::Agent = config.build().into();
        let base = format!("http://127.0.0.1:{port}/session");
        let options = json!({"binary": Bed::desktop(), "args": arguments});
        let capabilities =
            json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}});
        let mut app = Self { session: base.clone(), agent, driver };
        let made = app.post("", &capabilities);
        app.session = format!("{base}/{}", made["sessionId"].as_str().unwrap());
        let deadline_ms = u64::try_from(DEADLINE.as_millis()).unwrap();
        app.post("/timeouts", &json!({"script": deadline_ms}));
        app.until("document.readyState === 'complete' && location.protocol === 'tauri:'");
        app
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        let mut answer = self.agent.post(&url).send_json(body).unwrap();
        let value: Value = answer.body_mut().read_json().unwrap();
        if answer.status().is_success() {
            return value["value"].clone();
        }
        let page = match path {
            "/execute/sync" | "" => String::new(),
            _ => self.script("return document.body.innerText").to_string(),
        };
        panic!("WebDriver: {path} {body}\n{}\nThe page says: {page}", value["value"]);
    }

    /// Runs a script in the page and gives what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression over the page is true, and gives its value.
    pub fn until(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const look = () => {{ try {{ return ({expression}) }} catch {{ return false }} }};
             const first = look();
             if (first) return done(first);
             const heard = () => {{
               const now = look();
               if (!now) return;
               watch.disconnect();
               document.removeEventListener('visibilitychange', heard);
               done(now);
             }};
             const watch = new MutationObserver(heard);
             document.addEventListener('visibilitychange', heard);
             watch.observe(document, {{
               subtree: true, childList: true, attributes: true, characterData: true
             }});"
        );
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until the page shows this text.
    pub fn until_text(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// Keeps a picture of the screen, once the page has drawn what it knows.
    pub fn picture(&self, bed: &Bed, name: &str) {
        let script = "const done = arguments[arguments.length - 1];
            const frame = (after) => requestAnimationFrame(after);
            frame(() => frame(() => frame(() => done(true))));";
        self.post("/execute/async", &json!({"script": script, "args": []}));
        bed.picture(name);
    }

    /// Asks the program as the page does: `{ok}` or `{error}`.
    pub fn invoke(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let script = "const [command, given, done] = arguments;
            window.__TAURI_INTERNALS__.invoke(command, given)
              .then((ok) => done({ok}), (error) => done({error}));";
        let body = json!({"script": script, "args": [command, arguments]});
        let mut answer = self.post("/execute/async", &body);
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// A command of the API that must succeed.
    pub fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.invoke("rpc", json!({"method": method, "params": params}));
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Types into the element once it is there.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.until(&format!("document.querySelector({})", json!(selector)));
        let element = self.find("css selector", selector);
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Clicks the first element of this kind whose text has `text` in it, once it is there.
    pub fn click(&self, selector: &str, text: &str) {
        // Found by the page itself and marked, so that the driver clicks the very same one.
        let mark = format!(
            "(() => {{ const found = [...document.querySelectorAll({})]
               .find((one) => one.innerText.includes({}));
             if (!found) return false;
             for (const one of document.querySelectorAll('[data-clicked]'))
               one.removeAttribute('data-clicked');
             found.setAttribute('data-clicked', ''); return true; }})()",
            json!(selector),
            json!(text)
        );
        self.until(&mark);
        let element = self.find("css selector", "[data-clicked]");
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    fn find(&self, using: &str, value: &str) -> String {
        let found = self.post("/element", &json!({"using": using, "value": value}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// The first start: gives the name and waits for the main view.
    pub fn onboard(&self, name: &str) {
        self.type_into("input#name", &format!("{name}{ENTER}"));
        self.until(MAIN_VIEW);
    }

    /// To wait for the program's end; to be taken while it runs.
    pub fn end(&self) -> End {
        let driver = self.driver.0.id();
        let children = format!("/proc/{driver}/task/{driver}/children");
        let children = std::fs::read_to_string(children).unwrap();
        let is_program = |pid: &i32| {
            let path = std::fs::read_link(format!("/proc/{pid}/exe"));
            path.is_ok_and(|path| path == Bed::desktop())
        };
        let mut pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
        let pid = pids.find(is_program).expect("the driver runs the program");
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        End(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap())
    }
}

/// The end of a process that is not this one's child.
pub struct End(rustix::fd::OwnedFd);

impl End {
    /// Waits for it.
    pub fn wait(&mut self) {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let deadline = Timespec { tv_sec: DEADLINE.as_secs().try_into().unwrap(), tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&deadline)).unwrap();
        assert_eq!(ended, 1, "the program has not ended");
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// WebKitWebDriver says nothing when it is ready, so its port has to be knocked at.
fn wait_for_port(port: u16) {
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < DEADLINE, "WebKitWebDriver does not listen");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Runs the program once more, as a person who starts it again; gives its exit code.
pub fn start_again(bed: &Bed, arguments: &[&str]) -> Option<i32> {
    let mut second = start(
        bed.command(&Bed::desktop()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()),
    );
    // Its output closes when it ends.
    let output = lines(second.0.stdout.take().unwrap());
    let ended = output.recv_timeout(DEADLINE);
    assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "the second ends");
    second.0.wait().unwrap().code()
}
