//! `anser-relay token …`: over the running relay's admin listener, or in its store while it rests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::config::Config;
use crate::http::new_token;
use crate::options::TokenVerb;
use crate::run::{ADMIN_TOKEN, say};
use crate::storage::{self, Engine};

/// Does what was asked, and prints it.
///
/// # Errors
/// With what was wrong.
pub(crate) fn run(config: &Config, verb: &TokenVerb) -> anyhow::Result<()> {
    match Running::find(config) {
        Some(running) => running.run(verb),
        None => at_rest(storage::open(config)?.as_mut(), verb),
    }
}

fn at_rest(engine: &mut dyn Engine, verb: &TokenVerb) -> anyhow::Result<()> {
    let held = engine.tokens()?;
    let found = |name: &str| held.iter().find(|(_, record)| record.name == name);
    match verb {
        TokenVerb::Create(wanted) => {
            anyhow::ensure!(found(&wanted.name).is_none(), "a token of this name is there");
            let (token, hash, record) = new_token(&wanted.name, &wanted.topics)?;
            engine.put_token(&hash, Some(&record))?;
            engine.close()?;
            say(&token);
        }
        TokenVerb::List => {
            held.iter().for_each(|(_, record)| line(&record.name, &record.topics.join(" ")));
            engine.close()?;
        }
        TokenVerb::Remove { name } => {
            let (hash, _) = found(name).context("there is no token of this name")?;
            engine.put_token(hash, None)?;
            engine.close()?;
        }
    }
    Ok(())
}

fn line(name: &str, topics: &str) {
    say(&format!("{name}\t{topics}"));
}

/// A relay that runs on this configuration.
struct Running {
    address: std::net::SocketAddr,
    token: String,
}

impl Running {
    /// Finds it by its token file and its listener.
    fn find(config: &Config) -> Option<Self> {
        let token = std::fs::read_to_string(config.data.0.join(ADMIN_TOKEN)).ok()?;
        let mut address = config.admin.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
        Some(Self { address, token: token.trim().to_owned() })
    }

    fn run(&self, verb: &TokenVerb) -> anyhow::Result<()> {
        match verb {
            TokenVerb::Create(wanted) => {
                let body = json!({"name": wanted.name, "topics": wanted.topics});
                let answer = self.ask("POST", "/v1/tokens", Some(&body))?;
                let token = answer.get("token").and_then(Value::as_str).unwrap_or_default();
                say(token);
            }
            TokenVerb::List => {
                let answer = self.ask("GET", "/v1/tokens", None)?;
                for token in answer.get("tokens").and_then(Value::as_array).into_iter().flatten() {
                    let name = token.get("name").and_then(Value::as_str).unwrap_or_default();
                    let topics = token.get("topics").and_then(Value::as_array);
                    let topics: Vec<&str> =
                        topics.into_iter().flatten().filter_map(Value::as_str).collect();
                    line(name, &topics.join(" "));
                }
            }
            TokenVerb::Remove { name } => {
                anyhow::ensure!(
                    !name.contains(['/', ' ', '?', '#', '%']),
                    "this is no token's name"
                );
                self.ask("DELETE", &format!("/v1/tokens/{name}"), None)?;
            }
        }
        Ok(())
    }

    /// One request over a connection of its own.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        )?;
        let mut answer = String::new();
        stream.take(1 << 20).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the relay did not answer")?;
        let value: Value = serde_json::from_str(body).context("the relay's answer is no JSON")?;
        if head.split(' ').nth(1) == Some("200") {
            return Ok(value);
        }
        match value.get("message").and_then(Value::as_str) {
            Some(message) => bail!("{message}"),
            None => bail!("the relay answered {}", head.lines().next().unwrap_or_default()),
        }
    }
}
