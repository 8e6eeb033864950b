//! The tables of a store and the direction a scan walks them.
//!
//! Owns: the number of each table, which is the first byte of every key on disk. A number once given is
//! never given to another table; new tables go to the end.

/// One table of the store. On disk its number is the leading byte of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Counters and versions of the program above.
    Meta = 1,
    /// Our own account, device and certificates.
    Identity,
    /// Accounts we know.
    Contacts,
    /// Devices we know and where they were last seen.
    Devices,
    /// Conversations and their membership.
    Conversations,
    /// How far each device's log in each conversation reaches.
    Logs,
    /// Signed events by their place in a log.
    Events,
    /// What people see, in the order they see it.
    Timeline,
    /// From a tag of an id to the local number of what it names.
    Ids,
    /// Who refers to an event: replies, reactions, edits.
    References,
    /// How far others have received and read.
    Receipts,
    /// Settings of this device.
    Settings,
    /// Unsent text.
    Drafts,
    /// Events that wait for something they need.
    Pending,
    /// Proof that a device wrote two histories.
    Forks,
    /// One line per conversation for the list.
    Summaries,
    /// Files: what is here of each, and its key.
    Files,
    /// Which messages bring a file, and which files a conversation has.
    FilePlaces,
    /// Pictures of people and groups.
    Pictures,
    /// Invitations that were accepted and wait for the inviter.
    Joins,
}

impl Table {
    /// Every table, in the order of its number.
    pub const ALL: [Table; 20] = [
        Table::Meta,
        Table::Identity,
        Table::Contacts,
        Table::Devices,
        Table::Conversations,
        Table::Logs,
        Table::Events,
        Table::Timeline,
        Table::Ids,
        Table::References,
        Table::Receipts,
        Table::Settings,
        Table::Drafts,
        Table::Pending,
        Table::Forks,
        Table::Summaries,
        Table::Files,
        Table::FilePlaces,
        Table::Pictures,
        Table::Joins,
    ];

    /// The number of this table: the leading byte of its keys.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// `key` with the number of the table in front, as an engine stores it.
    pub(crate) fn full_key(self, key: &[u8]) -> Vec<u8> {
        let mut full = Vec::with_capacity(key.len().saturating_add(1));
        full.push(self.number());
        full.extend_from_slice(key);
        full
    }

    /// The full keys `lower <= key < upper` as a half-open range; `None` when it can hold nothing.
    pub(crate) fn full_range(
        self,
        lower: &[u8],
        upper: Option<&[u8]>,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let from = self.full_key(lower);
        let to = match upper {
            Some(upper) => self.full_key(upper),
            None => vec![self.number().saturating_add(1)],
        };
        (from < to).then_some((from, to))
    }
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}
