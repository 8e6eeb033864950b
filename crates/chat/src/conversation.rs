//! One conversation as its members see it: logs, authority, forks and receipts.
//!
//! Owns the decision whether an event belongs here ([`Conversation::judge`]), takes it in
//! ([`Conversation::admit`]) and says whether it counts ([`Conversation::counts`]). Admission needs
//! only what the event itself names; counting depends on the whole authority and may change when
//! more of that comes, in the same way for everybody.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use anser_proto::frame::Head;
use anser_proto::sign::Signed;
use anser_proto::{
    AccountId, ConversationId, DeviceId, Event, EventId, Header, Kind, Position, Seen, limits,
};

use crate::authority::{Authority, AuthorityEvent, Deed};
use crate::log::Log;
use crate::membership::Membership;
use crate::past::Past;
use crate::receipts::Receipts;

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two accounts; the same twice for one's own notes.
    Direct(AccountId, AccountId),
    /// Many, with roles.
    Group,
}

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next of its log: store and [`Conversation::admit`] it.
    New,
    /// The log holds an event with this number: the same one (a duplicate) or another (a fork);
    /// compare with what is stored.
    Held,
    /// Something before it is missing: drop it, sync will bring both.
    Early,
    /// Its device's history split before it: it will never count.
    Split,
    /// It can never belong here; its sender should have known.
    Refused(&'static str),
}

/// A conversation's state, without the events themselves.
#[derive(Clone, Debug)]
pub struct Conversation {
    id: ConversationId,
    shape: Shape,
    authority: Authority,
    logs: BTreeMap<DeviceId, Log>,
    forks: BTreeMap<DeviceId, Split>,
    revoked: BTreeMap<DeviceId, u64>,
    lamport: u64,
    /// Receipts of its members.
    pub receipts: Receipts,
    standing: RefCell<Standing>,
}

#[derive(Clone, Copy, Debug)]
struct Split {
    seq: u64,
    /// The last event both histories share; zeros when they share none.
    shared: EventId,
}

/// Remembers which stretches of logs count, as of one generation of the authority.
#[derive(Clone, Debug, Default)]
struct Standing {
    generation: u64,
    stretches: BTreeMap<(DeviceId, usize), (bool, Option<u64>)>,
}

impl Conversation {
    /// A conversation without events.
    pub fn new(id: ConversationId, shape: Shape) -> Self {
        Self {
            id,
            shape,
            authority: Authority::default(),
            logs: BTreeMap::new(),
            forks: BTreeMap::new(),
            revoked: BTreeMap::new(),
            lamport: 0,
            receipts: Receipts::default(),
            standing: RefCell::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> ConversationId {
        self.id
    }

    /// Its kind.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The membership of a group.
    pub fn membership(&self) -> &Arc<Membership> {
        self.authority.current()
    }

    /// The group's authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The accounts that are members now, ascending.
    pub fn members(&self) -> Vec<AccountId> {
        match self.shape {
            Shape::Direct(a, b) if a == b => vec![a],
            Shape::Direct(a, b) => vec![a.min(b), a.max(b)],
            Shape::Group => self.authority.current().members().map(|(a, _)| a).collect(),
        }
    }

    /// Whether an account is a member now.
    pub fn is_member(&self, account: &AccountId) -> bool {
        match self.shape {
            Shape::Direct(a, b) => a == *account || b == *account,
            Shape::Group => self.authority.current().contains(account),
        }
    }

    /// Whether an account is or ever was to be a member: its devices' events are kept.
    pub fn was_member(&self, account: &AccountId) -> bool {
        match self.shape {
            Shape::Direct(..) => self.is_member(account),
            Shape::Group => self.authority.ever(account),
        }
    }

    /// What to do with a verified event of a device that speaks for `account` (`None` when its
    /// certificate was never seen).
    pub fn judge(&self, event: &Event, account: Option<AccountId>) -> Verdict {
        let header = &event.header;
        if event.conversation != self.id {
            return Verdict::Refused("another conversation");
        }
        if self.forks.get(&header.device).is_some_and(|split| header.seq >= split.seq) {
            return Verdict::Split;
        }
        let log = self.logs.get(&header.device);
        let (seq, head, lamport) = log.map_or((0, None, 0), |l| (l.seq, Some(l.head), l.lamport));
        if header.seq <= seq {
            return Verdict::Held;
        }
        if header.seq > seq.saturating_add(1) {
            return Verdict::Early;
        }
        if header.prev != head {
            // Signed after another event than the one held: the history split earlier.
            return Verdict::Held;
        }
        if header.lamport <= lamport {
            return Verdict::Refused("its lamport time does not grow");
        }
        if header.lamport > self.lamport.saturating_add(limits::LAMPORT_LEAP) {
            return Verdict::Refused("its lamport time runs away");
        }
        let account = match (log, &event.certificate, account) {
            (Some(log), _, _) => log.account,
            (None, Some(certificate), known) => {
                if known.is_some_and(|known| known != certificate.account) {
                    return Verdict::Refused("its device speaks for another account");
                }
                certificate.account
            }
            (None, None, _) => return Verdict::Early,
        };
        self.judge_authority(event, &account)
    }

    fn judge_authority(&self, event: &Event, account: &AccountId) -> Verdict {
        let kind = event.kind();
        if let Shape::Direct(..) = self.shape {
            if kind.is_authority() {
                return Verdict::Refused("a direct conversation has no membership events");
            }
            return match self.is_member(account) {
                true => Verdict::New,
                false => Verdict::Refused("not one of the two"),
            };
        }
        if kind == Kind::Genesis {
            // A founder can have seen nothing; who says so speaks of events yet to be written.
            let founds = self.authority.is_empty()
                && ConversationId(event.id.0) == self.id
                && event.header.seen.is_empty();
            let readable = event.body().and_then(|body| Deed::decode(kind, body)).is_some();
            return match (founds, readable) {
                (true, true) => Verdict::New,
                (_, false) => Verdict::Refused("malformed genesis"),
                (false, _) => Verdict::Refused("a second genesis"),
            };
        }
        if self.authority.is_empty() {
            return Verdict::Early;
        }
        if kind == Kind::Membership
            && event.body().and_then(|body| Deed::decode(kind, body)).is_none()
        {
            return Verdict::Refused("malformed membership event");
        }
        let lacks = |seen: &Seen| {
            let split = self.forks.get(&seen.device).is_some_and(|split| seen.seq >= split.seq);
            let held = self.logs.get(&seen.device).is_some_and(|log| log.seq >= seen.seq);
            !split && !held
        };
        if event.header.seen.iter().any(lacks) {
            return Verdict::Early;
        }
        if !self.authority.ever(account) { Verdict::Early } else { Verdict::New }
    }

    /// Takes in an event that was judged [`Verdict::New`] (or was, before it was stored; then the
    /// order must be one in which they could have come).
    pub fn admit(&mut self, event: &Event, account: AccountId) {
        let header = &event.header;
        let mut past = self.logs.get(&header.device).map(Log::latest_past).unwrap_or_default();
        // Only what the writer names: what those events had seen in turn may be unknown here, or
        // different, where one of their devices wrote two histories.
        for seen in &header.seen {
            past.add(seen.device, seen.seq);
        }
        let log = self.logs.entry(header.device).or_insert_with(|| Log::new(account));
        log.seq = header.seq;
        log.head = event.id;
        log.lamport = header.lamport;
        if header.seq == 1 || !header.seen.is_empty() {
            log.saw(header.seq, past.clone());
            let stretch = (header.device, log.stretch(header.seq));
            self.standing.get_mut().stretches.remove(&stretch);
        }
        self.lamport = self.lamport.max(header.lamport);
        let deed = match self.shape {
            Shape::Group => event.body().and_then(|body| Deed::decode(event.kind(), body)),
            Shape::Direct(..) => None,
        };
        if let Some(deed) = deed {
            let mut after = past.clone();
            after.add(header.device, header.seq);
            log.saw(header.seq.saturating_add(1), after);
            self.authority.insert(AuthorityEvent {
                at: event.position(),
                id: event.id,
                author: log.account,
                past: Arc::new(past),
                deed,
            });
        }
    }

    /// Puts a log's head in place when the conversation is read from storage; its authority
    /// events, and events with a `seen` list, were admitted before in order.
    pub fn restore_log(
        &mut self,
        device: DeviceId,
        account: AccountId,
        seq: u64,
        head: EventId,
        lamport: u64,
    ) {
        let log = self.logs.entry(device).or_insert_with(|| Log::new(account));
        log.seq = seq;
        log.head = head;
        log.lamport = lamport;
        self.lamport = self.lamport.max(lamport);
    }

    /// Notes that the history of `device` splits at `seq`, after the shared event `shared`; from
    /// there on nothing of it counts. The lowest split stays. Returns whether that is news.
    pub fn split(&mut self, device: DeviceId, seq: u64, shared: Option<EventId>) -> bool {
        if self.forks.get(&device).is_some_and(|split| split.seq <= seq) {
            return false;
        }
        let shared = shared.unwrap_or(EventId([0; 32]));
        self.forks.insert(device, Split { seq, shared });
        self.authority.limit(device, seq.saturating_sub(1));
        self.standing.get_mut().stretches.clear();
        true
    }

    /// Lets events of a revoked device count only up to `seq`. Returns whether that is news.
    pub fn revoke(&mut self, device: DeviceId, seq: u64) -> bool {
        if self.revoked.get(&device).is_some_and(|cut| *cut <= seq) {
            return false;
        }
        self.revoked.insert(device, seq);
        self.authority.limit(device, seq);
        self.standing.get_mut().stretches.clear();
        true
    }

    /// Devices whose history split, with the number where it did.
    pub fn forks(&self) -> Vec<Seen> {
        self.forks
            .iter()
            .filter(|(device, _)| self.logs.get(device).is_none_or(|log| self.is_known(log)))
            .map(|(device, split)| Seen { device: *device, seq: split.seq })
            .collect()
    }

    /// Whether everybody can take this log in. Not so one that came on the word of a device whose
    /// history turned out to be split: it is kept, but not spoken of.
    fn is_known(&self, log: &Log) -> bool {
        !self.authority.is_limited() || self.was_member(&log.account)
    }

    /// Whether event `seq` of `device` counts: its writer was a member by what it had seen, no
    /// removal it had not seen cuts it off, and its device is whole.
    pub fn counts(&self, device: &DeviceId, seq: u64) -> bool {
        if self.forks.get(device).is_some_and(|split| seq >= split.seq)
            || self.revoked.get(device).is_some_and(|cut| seq > *cut)
        {
            return false;
        }
        if let Shape::Direct(..) = self.shape {
            return true;
        }
        let Some(log) = self.logs.get(device) else { return false };
        let Some(past) = log.past(seq) else { return false };
        let mut standing = self.standing.borrow_mut();
        if standing.generation != self.authority.generation() {
            standing.generation = self.authority.generation();
            standing.stretches.clear();
        }
        let stretch = log.stretch(seq);
        let (member, cut) = *standing.stretches.entry((*device, stretch)).or_insert_with(|| {
            let member = self.authority.at(past).contains(&log.account);
            (member, self.authority.cut(&log.account, device, past))
        });
        member && cut.is_none_or(|cut| seq <= cut)
    }

    /// Whether the event shows: it counts, and if it is a membership event it has effect.
    pub fn shows(&self, at: &Position, kind: Kind) -> bool {
        if kind.is_authority() {
            return self.authority.has_effect(at);
        }
        self.counts(&at.device, at.seq)
    }

    /// The header of the next event that `device` of `account` writes here.
    pub fn next_header(
        &self,
        device: DeviceId,
        certificate: &Signed,
        wall_ms: u64,
        kind: Kind,
    ) -> Header {
        let log = self.logs.get(&device);
        let seen = match self.shape {
            Shape::Direct(..) => vec![],
            Shape::Group => {
                let own = log.map(Log::latest_past).unwrap_or_default();
                let mut seen = self.authority.known().beyond(&own);
                seen.retain(|s| s.device != device);
                seen
            }
        };
        let seq = log.map_or(0, |l| l.seq).saturating_add(1);
        Header {
            conversation: if kind == Kind::Genesis { ConversationId([0; 32]) } else { self.id },
            device,
            seq,
            prev: log.filter(|l| l.seq > 0).map(|l| l.head),
            seen,
            lamport: self.lamport.saturating_add(1).max(seq),
            wall_ms,
            kind: kind.into(),
            body_hash: [0; 32].into(),
            certificate: (seq == 1).then(|| certificate.clone()),
        }
    }

    /// Whether `account` may write a message now, on `device`.
    pub fn may_write(&self, account: &AccountId, device: &DeviceId) -> bool {
        self.is_member(account)
            && !self.forks.contains_key(device)
            && !self.revoked.contains_key(device)
    }

    /// The log of a device, where any of it is held.
    pub fn log(&self, device: &DeviceId) -> Option<&Log> {
        self.logs.get(device)
    }

    /// The logs held.
    pub fn logs(&self) -> impl Iterator<Item = (&DeviceId, &Log)> {
        self.logs.iter()
    }

    /// How much of a device's log is held and not split.
    pub fn held(&self, device: &DeviceId) -> u64 {
        let seq = self.logs.get(device).map_or(0, |log| log.seq);
        self.forks.get(device).map_or(seq, |split| seq.min(split.seq.saturating_sub(1)))
    }

    /// The heads of all logs, for a vector or a digest. Ascending by device.
    pub fn heads(&self) -> Vec<Head> {
        self.logs
            .iter()
            .filter_map(|(device, log)| {
                let split = self.forks.get(device).filter(|split| log.seq >= split.seq);
                let (seq, id) = split.map_or((log.seq, log.head), |split| {
                    (split.seq.saturating_sub(1), split.shared)
                });
                let id = id.0.first_chunk::<16>()?;
                (seq > 0 && self.is_known(log)).then(|| Head {
                    device: *device,
                    seq,
                    id: (*id).into(),
                })
            })
            .collect()
    }

    /// Sixteen bytes that are equal exactly when logs and forks are.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = blake3::Hasher::new_derive_key("anser 2026 conversation digest v1");
        for head in self.heads() {
            hash.update(&head.device.0).update(&head.seq.to_be_bytes()).update(&*head.id);
        }
        for fork in self.forks() {
            hash.update(b"fork").update(&fork.device.0).update(&fork.seq.to_be_bytes());
        }
        let bytes = *hash.finalize().as_bytes();
        bytes.first_chunk::<16>().copied().unwrap_or_default()
    }

    /// Between which lamport times `account` may be served bodies: from its joining (or the
    /// beginning, where the group shows its history) to its leaving.
    pub fn window(&self, account: &AccountId) -> Option<(u64, u64)> {
        let Shape::Group = self.shape else { return Some((0, u64::MAX)) };
        let membership = self.authority.current();
        if let Some((_, member)) = membership.members().find(|(a, _)| a == account) {
            let from = if membership.history { 0 } else { member.since.lamport };
            return Some((from, u64::MAX));
        }
        let removal = self.authority.last_removal(account)?;
        let before = self.authority.at(&removal.past);
        let since = before.members().find(|(a, _)| a == account).map(|(_, member)| member.since);
        let from = match since {
            _ if membership.history => 0,
            Some(since) => since.lamport,
            None => removal.at.lamport,
        };
        Some((from, removal.at.lamport))
    }

    /// The highest lamport time held.
    pub fn lamport(&self) -> u64 {
        self.lamport
    }

    /// What a removal of `account` should say of its devices: how much of each log is held.
    pub fn cuts(&self, account: &AccountId) -> Vec<Seen> {
        self.logs
            .iter()
            .filter(|(_, log)| log.account == *account)
            .map(|(device, _)| Seen { device: *device, seq: self.held(device) })
            .collect()
    }

    /// What a writer who has seen everything had seen.
    pub fn known(&self) -> &Past {
        self.authority.known()
    }
}
