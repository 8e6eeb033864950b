//! What is known of a connected device while it is connected.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anser_api::model::PresenceState;
use anser_proto::{AccountId, ConversationId, DeviceId};

/// A connected device.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Our number for it, said in every hello.
    pub(crate) number: u64,
    /// Theirs, as last heard.
    pub(crate) heard: Option<u64>,
    /// Its account, once it said hello.
    pub(crate) account: Option<AccountId>,
    /// Whether our hello went out.
    pub(crate) greeted: bool,
    /// How available its person says to be.
    pub(crate) presence: Option<PresenceState>,
    /// The conversations we share.
    pub(crate) links: BTreeMap<ConversationId, Link>,
    /// Bad frames; at [`MISCHIEF`] it is cut off.
    pub(crate) mischief: u32,
}

impl Session {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Takes the number of a hello. Where it is another than before, the peer has begun anew and
    /// knows nothing of what was said, so neither do we.
    pub(crate) fn hear(&mut self, number: Option<u64>) {
        let Some(number) = number else { return };
        if self.heard.replace(number).is_some_and(|before| before != number) {
            self.account = None;
            self.greeted = false;
            self.links.clear();
        }
    }
}

/// After how many bad frames a device is disconnected.
pub(crate) const MISCHIEF: u32 = 8;

/// One conversation with one connected device.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Whether we know what they hold.
    pub(crate) synced: bool,
    /// How much of each log they hold or were sent.
    pub(crate) known: BTreeMap<DeviceId, u64>,
    /// How far to send other devices' logs: as far as we held them when they said what they hold.
    /// One's own log is always sent; others' authors send theirs, and gossip finds what is missing.
    pub(crate) targets: BTreeMap<DeviceId, u64>,
    /// `Events` frames under way, in the order in which their acknowledgements will come.
    pub(crate) under_way: VecDeque<Sent>,
    /// Logs they did not take further; nothing more is sent until they say what they hold.
    pub(crate) stalled: BTreeSet<DeviceId>,
    /// When our vector was last sent, on the monotonic clock.
    pub(crate) asked_ms: Option<u64>,
}

/// An `Events` frame that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// How far each log goes with it.
    pub(crate) up_to: BTreeMap<DeviceId, u64>,
    /// When, on the monotonic clock.
    pub(crate) at_ms: u64,
}

impl Link {
    /// Takes what they say they hold. What is under way to them they could not know of; it is not
    /// sent again, unless it has been so long that it must be lost.
    pub(crate) fn they_hold(&mut self, held: BTreeMap<DeviceId, u64>, now_ms: u64) {
        let lacks = |sent: &Sent| {
            sent.up_to.iter().any(|(device, seq)| held.get(device).is_none_or(|has| has < seq))
        };
        self.under_way.retain(|sent| lacks(sent) && now_ms < sent.at_ms.saturating_add(LOST_MS));
        self.synced = true;
        self.stalled.clear();
        self.known = held;
        for (device, seq) in self.under_way.iter().flat_map(|sent| &sent.up_to) {
            let known = self.known.entry(*device).or_default();
            *known = (*known).max(*seq);
        }
    }

    /// Gives up what has been under way for too long; whether there was any.
    pub(crate) fn give_up(&mut self, now_ms: u64) -> bool {
        let before = self.under_way.len();
        self.under_way.retain(|sent| now_ms < sent.at_ms.saturating_add(LOST_MS));
        self.under_way.len() < before
    }
}

/// After which time without acknowledgement a frame counts as lost.
pub(crate) const LOST_MS: u64 = 5_000;

/// Most `Events` frames under way to one device in one conversation. More than one hides the
/// round trip; few let events gather into larger pages when there are many.
pub(crate) const WINDOW: usize = 4;
