//! The written rule for membership events that were done at the same time.
//!
//! Two events are concurrent when neither's author had seen the other. Given a set of events:
//!
//! 1. An event has effect only if its author's role allows it in the state made by those events
//!    with effect that the author had seen. One that claims to have seen what stands after it in
//!    display order has none.
//! 2. **A removal beats what the removed did concurrently**: those events have no effect.
//! 3. A removal undoes another when that one has no effect once what the first beats has none.
//!    Where removals undo each other (two admins remove each other, or a longer ring), the one
//!    whose author had the **higher role** wins, then the **lower lamport time**, then the
//!    **lower id**; what it beats has no effect, nothing beats it, and the rest is looked at again.
//! 4. An account is a member when some effective event took it in whose author had seen every
//!    effective removal of it: a removal also beats a concurrent taking in. Roles and titles: the
//!    last one in display order wins.
//!
//! Everything is a function of the set. The rule is decided one contested removal at a time, so
//! the work is bounded by the number of contested removals times the number of events squared;
//! histories without concurrency never come here (see `Authority::insert`).

use std::collections::{BTreeMap, BTreeSet};

use anser_proto::{AccountId, DeviceId, Position, Role};

use crate::authority::{AuthorityEvent, Deed};
use crate::membership::{Member, Membership};
use crate::past::Past;

/// Which of `events` (in display order) have effect.
pub(crate) fn effective(events: &[AuthorityEvent], limits: &BTreeMap<DeviceId, u64>) -> Vec<bool> {
    let mut void = never(events, limits);
    let mut decided = BTreeSet::new();
    loop {
        let allowed = allowed(events, &void);
        let contested: Vec<Removal> = (0..events.len())
            .filter(|at| allowed.get(*at) == Some(&true) && !decided.contains(at))
            .filter_map(|at| Removal::of(events, &void, &allowed, &decided, at))
            .collect();
        let Some(winner) = strongest(&contested) else { return allowed };
        decided.insert(winner.at);
        void = without(&void, &winner.victims);
    }
}

/// Which of `events` have no effect whatever the others do.
fn never(events: &[AuthorityEvent], limits: &BTreeMap<DeviceId, u64>) -> Vec<bool> {
    // Else a removed admin, having seen the removal, could date an event before it.
    let saw_later = |index: usize, e: &AuthorityEvent| {
        let later = events.iter().skip(index.saturating_add(1));
        later.filter(|l| !l.is_over(limits)).any(|l| e.past.contains(&l.at.device, l.at.seq))
    };
    events.iter().enumerate().map(|(index, e)| e.is_over(limits) || saw_later(index, e)).collect()
}

fn without(void: &[bool], victims: &[usize]) -> Vec<bool> {
    void.iter().enumerate().map(|(index, void)| *void || victims.contains(&index)).collect()
}

/// A removal that has concurrent events of the removed against it.
struct Removal {
    at: usize,
    victims: Vec<usize>,
    /// What has no effect once the victims have none.
    fallen: BTreeSet<usize>,
    strength: (std::cmp::Reverse<Role>, u64, [u8; 32]),
}

impl Removal {
    fn of(
        events: &[AuthorityEvent],
        void: &[bool],
        allowed: &[bool],
        decided: &BTreeSet<usize>,
        at: usize,
    ) -> Option<Self> {
        let removal = events.get(at)?;
        let Deed::Remove { account, .. } = &removal.deed else { return None };
        let victims: Vec<usize> = events
            .iter()
            .enumerate()
            .filter(|(index, e)| {
                allowed.get(*index) == Some(&true)
                    && !decided.contains(index)
                    && e.author == *account
                    && are_concurrent(e, removal)
            })
            .map(|(index, _)| index)
            .collect();
        if victims.is_empty() {
            return None;
        }
        let remaining = self::allowed(events, &without(void, &victims));
        let fallen = (0..events.len())
            .filter(|index| allowed.get(*index) == Some(&true))
            .filter(|index| remaining.get(*index) == Some(&false))
            .collect();
        let role = membership(events, allowed, Some(&removal.past)).role(&removal.author)?;
        let strength = (std::cmp::Reverse(role), removal.at.lamport, removal.id.0);
        Some(Self { at, victims, fallen, strength })
    }

    fn undoes(&self, other: &Removal) -> bool {
        self.fallen.contains(&other.at)
    }
}

fn are_concurrent(a: &AuthorityEvent, b: &AuthorityEvent) -> bool {
    a.at != b.at
        && !a.past.contains(&b.at.device, b.at.seq)
        && !b.past.contains(&a.at.device, a.at.seq)
}

/// The removal to decide next: one that no other undoes, else the strongest of a ring that
/// nothing outside undoes.
fn strongest(contested: &[Removal]) -> Option<&Removal> {
    let reaches: Vec<BTreeSet<usize>> =
        (0..contested.len()).map(|from| reachable(contested, from)).collect();
    let is_first = |index: usize| {
        reaches.iter().enumerate().all(|(other, from_other)| {
            !from_other.contains(&index)
                || reaches.get(index).is_some_and(|from_index| from_index.contains(&other))
        })
    };
    contested
        .iter()
        .enumerate()
        .filter(|(index, _)| is_first(*index))
        .map(|(_, removal)| removal)
        .min_by_key(|removal| removal.strength)
}

fn reachable(contested: &[Removal], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(removal) = open.pop().and_then(|index| contested.get(index)) {
        for (index, other) in contested.iter().enumerate() {
            if removal.undoes(other) && found.insert(index) {
                open.push(index);
            }
        }
    }
    found
}

/// Rule 1, with some events void for other reasons.
fn allowed(events: &[AuthorityEvent], void: &[bool]) -> Vec<bool> {
    let mut allowed = vec![false; events.len()];
    for (index, event) in events.iter().enumerate() {
        let is_void = void.get(index) == Some(&true);
        let permitted = !is_void
            && match &event.deed {
                Deed::Found { .. } => true,
                deed => {
                    // Only earlier ones are marked yet: what came before stands before.
                    membership(events, &allowed, Some(&event.past)).permits(&event.author, deed)
                }
            };
        if let Some(slot) = allowed.get_mut(index) {
            *slot = permitted;
        }
    }
    allowed
}

/// Rule 4: the membership that the `effective` ones of `events` make, restricted to `past`.
pub(crate) fn membership(
    events: &[AuthorityEvent],
    effective: &[bool],
    past: Option<&Past>,
) -> Membership {
    let counted: Vec<&AuthorityEvent> = events
        .iter()
        .zip(effective)
        .filter(|(e, on)| **on && past.is_none_or(|p| p.contains(&e.at.device, e.at.seq)))
        .map(|(e, _)| e)
        .collect();
    let mut removals: BTreeMap<AccountId, Vec<&AuthorityEvent>> = BTreeMap::new();
    for event in &counted {
        if let Some(account) = event.deed.removed(event.author) {
            removals.entry(account).or_default().push(event);
        }
    }
    let survives = |event: &AuthorityEvent, account: &AccountId| {
        removals.get(account).is_none_or(|removals| {
            removals.iter().all(|r| event.past.contains(&r.at.device, r.at.seq))
        })
    };

    let mut state = Membership::default();
    let mut take_in = |event: &AuthorityEvent, account: &AccountId, role: Role, at: Position| {
        if survives(event, account) {
            state.members.entry(*account).or_insert(Member { role, since: at });
        }
    };
    for event in &counted {
        if matches!(event.deed, Deed::Found { .. }) {
            take_in(event, &event.author, Role::Owner, event.at);
        }
        for account in event.deed.added() {
            take_in(event, account, Role::Member, event.at);
        }
    }
    for event in &counted {
        match &event.deed {
            Deed::Found { title, history, .. } => {
                state.title.clone_from(title);
                state.history = *history;
            }
            Deed::Role { account, role } if survives(event, account) => {
                if let Some(member) = state.members.get_mut(account) {
                    member.role = *role;
                }
            }
            Deed::Title(title) => state.title.clone_from(title),
            Deed::Avatar(hash) => state.avatar = *hash,
            _ => {}
        }
    }
    state.heir();
    state
}
