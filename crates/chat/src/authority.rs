//! The authority of a group: its membership events and what they add up to.
//!
//! Membership events form a causal order of their own: each says, by a [`Past`], which others its
//! writer had seen. What they add up to is a function of their set alone (see `resolve.rs` for the
//! rule), so members who hold the same events agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anser_proto::kind::{Change, Genesis};
use anser_proto::{AccountId, DeviceId, EventId, Kind, Position, Seen};

use crate::membership::Membership;
use crate::past::Past;
use crate::resolve;

/// What a membership event does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Founds the group; its author is owner.
    Found {
        /// The title.
        title: String,
        /// The others.
        members: Vec<AccountId>,
        /// Whether newcomers may read what was said before.
        history: bool,
    },
    /// Takes people in.
    Add(Vec<AccountId>),
    /// Puts somebody out.
    Remove {
        /// Who.
        account: AccountId,
        /// The last events of their devices that count unless they saw the removal.
        cuts: Vec<Seen>,
    },
    /// The author goes.
    Leave,
    /// Gives a role.
    Role {
        /// Who.
        account: AccountId,
        /// Which.
        role: anser_proto::Role,
    },
    /// Renames.
    Title(String),
    /// Gives a picture, or takes it away.
    Avatar(Option<[u8; 32]>),
    /// Not known here: no effect.
    Unknown,
}

impl Deed {
    /// The deed in the body of an event; `None` when that is malformed or no membership event.
    pub fn decode(kind: Kind, body: &[u8]) -> Option<Self> {
        match kind {
            Kind::Genesis => {
                let Genesis { title, members, history, .. } = Genesis::decode(body).ok()?;
                Some(Self::Found { title, members, history })
            }
            Kind::Membership => Some(match Change::decode(body).ok()? {
                Change::Add(accounts) => Self::Add(accounts),
                Change::Remove { account, cuts } => Self::Remove { account, cuts },
                Change::Leave => Self::Leave,
                Change::Role { account, role } => Self::Role { account, role },
                Change::Title(title) => Self::Title(title),
                Change::Avatar(hash) => Self::Avatar(hash),
                Change::Unknown(_) => Self::Unknown,
            }),
            _ => None,
        }
    }

    /// The accounts it takes in.
    pub fn added(&self) -> &[AccountId] {
        match self {
            Self::Found { members: accounts, .. } | Self::Add(accounts) => accounts,
            _ => &[],
        }
    }

    /// The account it takes out, done by `author`.
    pub fn removed(&self, author: AccountId) -> Option<AccountId> {
        match self {
            Self::Remove { account, .. } => Some(*account),
            Self::Leave => Some(author),
            _ => None,
        }
    }
}

/// A membership event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityEvent {
    /// Where it stands in the display order.
    pub at: Position,
    /// Its id.
    pub id: EventId,
    /// Who did it.
    pub author: AccountId,
    /// What its writer had seen, itself not included.
    pub past: Arc<Past>,
    /// What it does.
    pub deed: Deed,
}

impl AuthorityEvent {
    /// Whether it lies beyond what counts of its device. The founding never does: the group's name
    /// is its hash, so nobody can have made another, and without it there is no group.
    pub(crate) fn is_over(&self, limits: &BTreeMap<DeviceId, u64>) -> bool {
        !matches!(self.deed, Deed::Found { .. })
            && limits.get(&self.at.device).is_some_and(|limit| self.at.seq > *limit)
    }
}

/// All membership events of a group, and what they add up to.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    events: Vec<AuthorityEvent>,
    /// Which of them have effect, in step with `events`.
    effective: Vec<bool>,
    /// Devices whose events count only up to a number (forked or revoked ones).
    limits: BTreeMap<DeviceId, u64>,
    current: Arc<Membership>,
    ever: BTreeSet<AccountId>,
    known: Past,
    generation: u64,
}

impl Authority {
    /// Adds an event; the order of adding does not matter. Adding one twice changes nothing.
    pub fn insert(&mut self, event: AuthorityEvent) {
        let at = match self.events.binary_search_by(|e| e.at.cmp(&event.at)) {
            Ok(_) => return,
            Err(at) => at,
        };
        let newest = at == self.events.len() && event.past.covers(&self.known);
        self.known.add(event.at.device, event.at.seq);
        if newest && self.limits.is_empty() {
            // Its author had seen everything: no other event can be affected.
            let allowed = match &event.deed {
                Deed::Found { .. } => self.events.is_empty(),
                deed => self.current.permits(&event.author, deed),
            };
            if allowed {
                Arc::make_mut(&mut self.current).apply(event.author, &event.deed, event.at);
            }
            self.ever.insert(event.author);
            self.ever.extend(event.deed.added());
            self.events.push(event);
            self.effective.push(allowed);
            self.generation = self.generation.wrapping_add(1);
        } else {
            self.events.insert(at, event);
            self.resolve();
        }
    }

    /// Lets events of `device` count only up to `seq`; the lowest limit given stays.
    pub fn limit(&mut self, device: DeviceId, seq: u64) {
        let limit = self.limits.entry(device).or_insert(u64::MAX);
        if seq < *limit {
            *limit = seq;
            if self.events.iter().any(|e| e.at.device == device) {
                self.resolve();
            }
        }
    }

    fn resolve(&mut self) {
        self.effective = resolve::effective(&self.events, &self.limits);
        self.current = Arc::new(resolve::membership(&self.events, &self.effective, None));
        self.know_accounts();
        self.generation = self.generation.wrapping_add(1);
    }

    /// The membership that all known events make.
    pub fn current(&self) -> &Arc<Membership> {
        &self.current
    }

    /// The membership that the effective ones among the events in `past` make.
    pub fn at(&self, past: &Past) -> Arc<Membership> {
        if past.covers(&self.known) {
            return self.current.clone();
        }
        Arc::new(resolve::membership(&self.events, &self.effective, Some(past)))
    }

    /// Every membership event known here.
    pub fn known(&self) -> &Past {
        &self.known
    }

    /// Grows with every change of what the events add up to.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Every account that somebody in here ever took in, whether or not that had effect.
    pub fn ever(&self, account: &AccountId) -> bool {
        self.ever.contains(account)
    }

    /// Must not depend on events beyond a limit, which not everybody holds.
    fn know_accounts(&mut self) {
        self.ever.clear();
        loop {
            let before = self.ever.len();
            for event in self.events.iter().filter(|e| !e.is_over(&self.limits)) {
                let founds = matches!(event.deed, Deed::Found { .. });
                if founds || self.ever.contains(&event.author) {
                    self.ever.insert(event.author);
                    self.ever.extend(event.deed.added());
                }
            }
            if self.ever.len() == before {
                return;
            }
        }
    }

    /// Whether any device's events count only up to a number.
    pub fn is_limited(&self) -> bool {
        !self.limits.is_empty()
    }

    /// The events with effect, in display order.
    pub fn effective(&self) -> impl Iterator<Item = &AuthorityEvent> {
        self.events.iter().zip(&self.effective).filter(|(_, on)| **on).map(|(event, _)| event)
    }

    /// Whether the event at `at` is one of them and has effect.
    pub fn has_effect(&self, at: &Position) -> bool {
        self.events
            .binary_search_by(|e| e.at.cmp(at))
            .is_ok_and(|index| self.effective.get(index) == Some(&true))
    }

    /// How far the events of `account`'s `device` count for a writer with `past`, given the
    /// removals that writer had not seen; `None` when there is none.
    pub fn cut(&self, account: &AccountId, device: &DeviceId, past: &Past) -> Option<u64> {
        self.effective()
            .filter_map(|e| match &e.deed {
                Deed::Remove { account: removed, cuts } if removed == account => Some((e, cuts)),
                _ => None,
            })
            .filter(|(e, _)| !past.contains(&e.at.device, e.at.seq))
            .map(|(_, cuts)| cuts.iter().find(|c| c.device == *device).map_or(0, |c| c.seq))
            .max()
    }

    /// What ended a past member's membership: the last event that took it out.
    pub fn last_removal(&self, account: &AccountId) -> Option<&AuthorityEvent> {
        self.effective().filter(|e| e.deed.removed(e.author) == Some(*account)).last()
    }

    /// Whether there are any events.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
