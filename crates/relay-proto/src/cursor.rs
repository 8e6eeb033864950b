//! Where a client is in the stream: opaque to it, `epoch.shard:seq[,shard:seq…]` to us.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The longest text of a cursor, in bytes.
const LONGEST: usize = 256;

/// Which history the numbers of a cursor belong to. A log whose head went backwards gets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

/// A part of the log with numbers of its own.
pub type Shard = u16;

/// How far a client has read, by shard. It is no capability: rights are checked on every replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The history it is of.
    pub epoch: Epoch,
    seqs: BTreeMap<Shard, u64>,
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is what `cursor` of an earlier answer said, at most {LONGEST} bytes")]
pub struct CursorError;

impl Cursor {
    /// The beginning of a history.
    pub fn start(epoch: Epoch) -> Self {
        Self { epoch, seqs: BTreeMap::new() }
    }

    /// The number of the last event read of a shard; 0 before the first.
    pub fn seq(&self, shard: Shard) -> u64 {
        self.seqs.get(&shard).copied().unwrap_or(0)
    }

    /// Notes that everything up to `seq` of a shard was read; never goes back.
    pub fn advance(&mut self, shard: Shard, seq: u64) {
        let held = self.seqs.entry(shard).or_default();
        *held = (*held).max(seq);
    }

    /// The same place, of one shard only.
    #[must_use]
    pub fn only(&self, shard: Shard) -> Self {
        let seqs = self.seqs.get(&shard).map(|seq| (shard, *seq));
        Self { epoch: self.epoch, seqs: seqs.into_iter().collect() }
    }

    /// The shards named and how far each was read.
    pub fn seqs(&self) -> impl Iterator<Item = (Shard, u64)> {
        self.seqs.iter().map(|(shard, seq)| (*shard, *seq))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.", self.epoch.0)?;
        for (index, (shard, seq)) in self.seqs.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{shard}:{seq}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() > LONGEST {
            return Err(CursorError);
        }
        let (epoch, seqs) = text.split_once('.').ok_or(CursorError)?;
        let epoch = Epoch(number(epoch, 16)?);
        let mut cursor = Self::start(epoch);
        for pair in seqs.split(',').filter(|_| !seqs.is_empty()) {
            let (shard, seq) = pair.split_once(':').ok_or(CursorError)?;
            let shard = Shard::try_from(number(shard, 10)?).map_err(|_| CursorError)?;
            let seq = number(seq, 10)?;
            if cursor.seqs.insert(shard, seq).is_some() {
                return Err(CursorError);
            }
        }
        Ok(cursor)
    }
}

/// Digits only: what `from_str_radix` takes beside them (a sign) is no number of ours.
fn number(digits: &str, radix: u32) -> Result<u64, CursorError> {
    if digits.starts_with('+') {
        return Err(CursorError);
    }
    u64::from_str_radix(digits, radix).map_err(|_| CursorError)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_said() {
        let mut cursor = Cursor::start(Epoch(0x5f3));
        assert_eq!(cursor.to_string(), "5f3.");
        assert_eq!("5f3.".parse(), Ok(cursor.clone()));
        cursor.advance(0, 12);
        cursor.advance(7, 4);
        cursor.advance(7, 2);
        assert_eq!(cursor.to_string(), "5f3.0:12,7:4");
        assert_eq!("5f3.0:12,7:4".parse(), Ok(cursor));
    }

    #[test]
    fn one_shard_of_a_cursor() {
        let cursor: Cursor = "5f3.0:12,7:4".parse().unwrap();
        assert_eq!(cursor.only(7).to_string(), "5f3.7:4");
        assert_eq!(cursor.only(3).to_string(), "5f3.");
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let long = format!("1.{}", "0:1,".repeat(100));
        for text in [
            "",
            "1",
            "x.0:1",
            "1.0",
            "1.0:",
            "1.:1",
            "1.0:1,",
            "1.0:1,0:2",
            "1.0:-1",
            "1.0:+1",
            "1.70000:1",
            &long,
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
