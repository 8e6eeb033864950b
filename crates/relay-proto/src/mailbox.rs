//! Reading a mailbox: it lies on disk and is read page by page, so nothing of it is kept here but
//! how far the reader is.
//!
//! A mailbox numbers its own events without leaving a number out. What must always hold: the reader
//! is given every event after its cursor that the mailbox still holds, in order; of what was let go
//! without having been acknowledged its hello tells.

use crate::cursor::{Cursor, Epoch, Shard};
use crate::hello::{Hello, Reason};

/// What a mailbox holds. All numbers are of its events; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Up to here its owner has acknowledged.
    pub acked: u64,
    /// Up to here events may have been let go unread, because they were too old.
    pub gone: u64,
    /// The latest event.
    pub last: u64,
}

/// The shard of a mailbox, from sixteen bits of a hash of its name: a cursor that was given for
/// another mailbox names another shard and says nothing of this one. Shard 0 is the topics'.
pub fn mailbox_shard(hash: [u8; 2]) -> Shard {
    u16::from_be_bytes(hash).max(1)
}

/// How far one connection has read its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailReader {
    shard: Shard,
    read: u64,
    upto: u64,
}

impl MailReader {
    /// Goes on after `cursor`, or after what was acknowledged.
    pub fn open(epoch: Epoch, shard: Shard, held: Held, cursor: Option<&Cursor>) -> (Self, Hello) {
        let same = cursor.filter(|cursor| cursor.epoch == epoch);
        // What it was told before counts, and what it acknowledged.
        let known = same.map_or(0, |cursor| cursor.seq(shard));
        let (reason, read) = match cursor {
            Some(_) if same.is_none() => (Reason::Epoch, held.acked.max(held.gone)),
            _ if known > held.last => (Reason::Future, held.acked.max(held.gone)),
            _ if held.gone > known.max(held.acked) => (Reason::Trimmed, held.gone),
            _ => (Reason::Ok, known.max(held.acked)),
        };
        let (mut oldest, mut head) = (Cursor::start(epoch), Cursor::start(epoch));
        oldest.advance(shard, held.gone.max(held.acked));
        head.advance(shard, held.last);
        let hello = Hello { recovered: reason == Reason::Ok, reason, oldest, head };
        (Self { shard, read, upto: held.last }, hello)
    }

    /// The mailbox has an event of this number.
    pub fn deposited(&mut self, seq: u64) {
        self.upto = self.upto.max(seq);
    }

    /// After which number to read the next page, if there is one.
    pub fn wants(&self) -> Option<u64> {
        (self.upto > self.read).then_some(self.read)
    }

    /// Whether letters after what was read are gone that nobody acknowledged. A page that does not
    /// begin with the next number asks for this; the stream then ends, so that the next hello tells.
    pub fn missed(&self, held: Held) -> bool {
        held.gone > self.read.max(held.acked)
    }

    /// A page was given up to this number. `None`: nothing is held any more of what it waited for,
    /// because another connection of the same owner has acknowledged it.
    pub fn given(&mut self, last: Option<u64>) {
        self.read = self.read.max(last.unwrap_or(self.upto));
    }

    /// Notes in a cursor how far this one has read.
    pub fn mark(&self, cursor: &mut Cursor) {
        cursor.advance(self.shard, self.read);
    }

    /// The mailbox's shard.
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch(7);

    fn open(held: Held, cursor: Option<&str>) -> (Option<u64>, Reason) {
        let cursor = cursor.map(|text| text.parse().unwrap());
        let (reader, hello) = MailReader::open(EPOCH, 9, held, cursor.as_ref());
        assert_eq!(hello.recovered, hello.reason == Reason::Ok);
        (reader.wants(), hello.reason)
    }

    #[test]
    fn it_goes_on_after_the_cursor_or_what_was_acknowledged() {
        let held = Held { acked: 3, gone: 0, last: 8 };
        assert_eq!(open(held, None), (Some(3), Reason::Ok));
        assert_eq!(open(held, Some("7.9:5")), (Some(5), Reason::Ok));
        assert_eq!(open(held, Some("7.9:1")), (Some(3), Reason::Ok));
        assert_eq!(open(held, Some("7.9:8")), (None, Reason::Ok));
        // The cursor of another mailbox says nothing of this one.
        assert_eq!(open(held, Some("7.0:99,10:8")), (Some(3), Reason::Ok));
    }

    #[test]
    fn what_was_let_go_unread_is_told() {
        let held = Held { acked: 3, gone: 6, last: 8 };
        assert_eq!(open(held, None), (Some(6), Reason::Trimmed));
        assert_eq!(open(held, Some("7.9:5")), (Some(6), Reason::Trimmed));
        assert_eq!(open(held, Some("7.9:6")), (Some(6), Reason::Ok));
        assert_eq!(open(Held { acked: 6, ..held }, Some("7.9:5")), (Some(6), Reason::Ok));
    }

    #[test]
    fn no_mail_is_lost_by_a_wrong_cursor() {
        let held = Held { acked: 3, gone: 0, last: 8 };
        assert_eq!(open(held, Some("8.9:8")), (Some(3), Reason::Epoch));
        assert_eq!(open(held, Some("7.9:9")), (Some(3), Reason::Future));
        let held = Held { gone: 5, ..held };
        assert_eq!(open(held, Some("8.9:8")), (Some(5), Reason::Epoch));
        assert_eq!(open(held, Some("7.9:9")), (Some(5), Reason::Future));
    }

    #[test]
    fn pages_follow_one_another() {
        let held = Held { acked: 0, gone: 0, last: 8 };
        let (mut reader, _) = MailReader::open(EPOCH, 9, held, None);
        reader.given(Some(5));
        reader.deposited(9);
        assert_eq!(reader.wants(), Some(5));
        let mut cursor = Cursor::start(EPOCH);
        reader.mark(&mut cursor);
        assert_eq!(cursor.to_string(), "7.9:5");
        reader.given(None);
        assert_eq!(reader.wants(), None);
        reader.deposited(2);
        assert_eq!(reader.wants(), None);
        assert!(!reader.missed(Held { acked: 0, gone: 9, last: 12 }));
        assert!(reader.missed(Held { acked: 0, gone: 10, last: 12 }));
        assert!(!reader.missed(Held { acked: 10, gone: 10, last: 12 }));
    }
}
