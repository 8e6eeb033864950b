//! Where a configuration comes from: a file, then the environment, then flags; the later wins.
//!
//! What must always hold: a key that does not exist is refused wherever it stands, so that a slip
//! of the pen never means "the default".

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml::{Table, Value};

use super::Config;

const PREFIX: &str = "ANSER_RELAY_";

/// Where to read from; reading again is how a running relay takes over changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) file: Option<PathBuf>,
    /// `(key, value)` of the environment, then of the flags.
    pub(crate) overrides: Vec<(String, String)>,
}

impl Sources {
    /// Takes `ANSER_RELAY_…` out of an environment and puts flags after it. `ANSER_RELAY_LOG` and
    /// `ANSER_RELAY_CONFIG` are no keys.
    pub(crate) fn new(
        file: Option<PathBuf>,
        environment: impl Iterator<Item = (String, String)>,
        flags: Vec<(String, String)>,
    ) -> Self {
        let mut overrides: Vec<_> = environment
            .filter_map(|(name, value)| {
                let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase().replace("__", ".");
                (key != "log" && key != "config").then_some((key, value))
            })
            .collect();
        overrides.sort();
        overrides.extend(flags);
        Self { file, overrides }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// With the file or the key, and what is wrong.
    pub(crate) fn read(&self) -> anyhow::Result<Config> {
        let mut table = match &self.file {
            Some(path) => file(path)?,
            None => Table::new(),
        };
        let defaults = defaults()?;
        for (key, text) in &self.overrides {
            let Some(kind) = lookup(&defaults, key) else {
                bail!("{key}: there is no such key; `anser-relay config` prints all of them");
            };
            let value = typed(kind, text)
                .with_context(|| format!("{key}: {text:?} is no {}", kind.type_str()))?;
            insert(&mut table, key, value);
        }
        let config: Config = table.try_into().map_err(|error: toml::de::Error| {
            anyhow::anyhow!("the configuration: {}", error.to_string().trim_end())
        })?;
        config.rights()?;
        Ok(config)
    }
}

/// Every key with its default, in the order of the file.
pub(crate) fn keys() -> anyhow::Result<Vec<(String, Value)>> {
    let mut found = Vec::new();
    for (name, value) in defaults()? {
        match value {
            Value::Table(section) => {
                found.extend(section.into_iter().map(|(key, v)| (format!("{name}.{key}"), v)));
            }
            value => found.push((name, value)),
        }
    }
    Ok(found)
}

fn defaults() -> anyhow::Result<Table> {
    Ok(Table::try_from(Config::default())?)
}

fn file(path: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the configuration {} cannot be read", path.display()))?;
    text.parse().with_context(|| format!("the configuration {} is no TOML", path.display()))
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let value = match key.split_once('.') {
        Some((section, name)) => table.get(section)?.get(name)?,
        None => table.get(key)?,
    };
    (!value.is_table()).then_some(value)
}

/// A text as the type that the default has. Lists are TOML or have commas between.
fn typed(kind: &Value, text: &str) -> anyhow::Result<Value> {
    Ok(match kind {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(text.trim().parse()?),
        Value::Boolean(_) => Value::Boolean(text.trim().parse()?),
        Value::Array(_) if text.trim_start().starts_with('[') => {
            let table: Table = format!("list = {text}").parse()?;
            table.get("list").cloned().context("no list")?
        }
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
        }
        _ => bail!("not a key"),
    })
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, name)) => {
            let section =
                table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(name.to_owned(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        std::fs::write(
            &path,
            "data = \"/srv/relay\"\n[limits]\nwatches = 5\nping_s = 6\nring_s = 7\n",
        )
        .unwrap();
        let environment = [
            pair("ANSER_RELAY_LIMITS__PING_S", "16"),
            pair("ANSER_RELAY_LIMITS__RING_S", "17"),
            pair("ANSER_RELAY_LOG", "debug"),
            pair("ANSER_RELAY_ANONYMOUS__TOPICS", "news/*, prices"),
            pair("HOME", "/nowhere"),
        ];
        let flags = vec![
            pair("limits.ring_s", "27"),
            pair("http.origins", r#"["https://a.example"]"#),
            pair("branding.name", "123"),
        ];
        let config = Sources::new(Some(path), environment.into_iter(), flags).read().unwrap();
        assert_eq!(config.data.0, PathBuf::from("/srv/relay"));
        assert_eq!(
            (config.limits.watches, config.limits.ping_s, config.limits.ring_s),
            (5, 16, 27)
        );
        assert_eq!(config.anonymous.topics, ["news/*", "prices"]);
        assert_eq!(config.http.origins, ["https://a.example"]);
        assert_eq!(config.branding.name, "123");
    }

    #[test]
    fn a_slip_of_the_pen_is_an_error() {
        for (key, value) in [
            ("limits.watchs", "5"),
            ("limits", "5"),
            ("limits.watches", "five"),
            ("http.listen", "localhost"),
            ("storage.engine", "postgres"),
        ] {
            let sources = Sources::new(None, [].into_iter(), vec![pair(key, value)]);
            assert!(sources.read().is_err(), "{key}={value}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, "[limits]\nwatchs = 5\n").unwrap();
        let error = Sources::new(Some(path), [].into_iter(), vec![]).read().unwrap_err();
        assert!(error.to_string().contains("watchs"), "{error}");
    }

    #[test]
    fn what_is_printed_is_read_back_the_same() {
        let config = Config::default();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
        assert!(keys().unwrap().iter().any(|(key, _)| key == "http.listen"));
    }
}
