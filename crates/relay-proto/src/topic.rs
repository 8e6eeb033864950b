//! Names of topics, and patterns that an admin writes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest name, in bytes.
const LONGEST: usize = 200;
/// Most parts of a name.
const PARTS: usize = 8;

/// A topic's name: one to eight parts of letters, digits and `-._~`, with `/` between. At most 200
/// bytes. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

/// A text that is no topic or pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a topic is one to eight parts of letters, digits and -._~ with / between, at most {LONGEST} bytes"
)]
pub struct TopicError;

impl Topic {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let plain = |part: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            // Dots alone would be folded away in a URL.
            !part.is_empty() && part.bytes().all(fits) && part.bytes().any(|b| b != b'.')
        };
        let fits =
            text.len() <= LONGEST && text.split('/').count() <= PARTS && text.split('/').all(plain);
        if fits { Ok(Self(text.into())) } else { Err(TopicError) }
    }
}

/// A topic, or with `/*` at its end every topic below one; `*` alone is every topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every topic.
    All,
    /// This one.
    One(Topic),
    /// Every topic below this one, not itself.
    Below(Topic),
}

impl Pattern {
    /// Whether a topic is meant.
    pub fn matches(&self, topic: &Topic) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == topic,
            Self::Below(root) => {
                topic.as_str().strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        match (text, text.strip_suffix("/*")) {
            ("*", _) => Ok(Self::All),
            (_, Some(root)) => Ok(Self::Below(root.parse()?)),
            (_, None) => Ok(Self::One(text.parse()?)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_the_same_in_every_url() {
        for name in ["news", "news/a", "a/b/c/d/e/f/g/h", "v1.2_x~-.y"] {
            assert_eq!(name.parse::<Topic>().map(|t| t.to_string()), Ok(name.to_owned()));
        }
        let long = "x".repeat(201);
        for name in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "a/../b",
            "a/.",
            "a b",
            "a%20",
            "ü",
            "a/b/c/d/e/f/g/h/i",
            &long,
        ] {
            assert_eq!(name.parse::<Topic>(), Err(TopicError), "{name}");
        }
    }

    #[test]
    fn a_pattern_means_what_lies_below() {
        let matches = |pattern: &str, topic: &str| {
            pattern.parse::<Pattern>().unwrap().matches(&topic.parse().unwrap())
        };
        assert!(matches("news/*", "news/a") && matches("news/*", "news/a/b"));
        assert!(!matches("news/*", "news") && !matches("news/*", "newsletter/a"));
        assert!(matches("news", "news") && !matches("news", "news/a"));
        assert!(matches("*", "anything/at/all"));
        assert!("news/*/a".parse::<Pattern>().is_err() && "n*".parse::<Pattern>().is_err());
    }
}
