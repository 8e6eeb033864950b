//! The membership rule a second time, from its text and as plainly as can be: sets of events are
//! bit masks, every state is computed from nothing.
//!
//! Owns: [`decide`] (what has effect) and [`faults`] (the promises, checked without regard to how
//! the decision was made). Knows nothing of how `anser-chat` does it.

use anser_chat::Deed;
use anser_proto::{AccountId, EventId, Position, Role};

/// A set of events, one bit each.
pub type Set = u32;

/// A membership event for the oracle; events are numbered in display order.
#[derive(Clone, Debug)]
pub struct Act {
    pub author: AccountId,
    pub deed: Deed,
    pub at: Position,
    pub id: EventId,
    /// The events its author had seen.
    pub past: Set,
}

/// One member in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub account: AccountId,
    pub role: Role,
    pub since: Position,
}

fn bit(index: usize) -> Set {
    1 << index
}

fn has(set: Set, index: usize) -> bool {
    set & bit(index) != 0
}

fn takes_in(act: &Act, account: AccountId) -> bool {
    match &act.deed {
        Deed::Found { members, .. } => act.author == account || members.contains(&account),
        Deed::Add(accounts) => accounts.contains(&account),
        _ => false,
    }
}

fn takes_out(act: &Act, account: AccountId) -> bool {
    match &act.deed {
        Deed::Remove { account: removed, .. } => *removed == account,
        Deed::Leave => act.author == account,
        _ => false,
    }
}

/// Part 4 of the rule: who is in, given that exactly `set` has effect.
pub fn state(acts: &[Act], set: Set) -> Vec<Standing> {
    let mut accounts: Vec<AccountId> = Vec::new();
    let mut members = Vec::new();
    for index in (0..acts.len()).filter(|i| has(set, *i)) {
        let act = &acts[index];
        let named: &[AccountId] = match &act.deed {
            Deed::Found { members, .. } => {
                if !accounts.contains(&act.author) {
                    accounts.push(act.author);
                }
                members
            }
            Deed::Add(accounts) => accounts,
            _ => &[],
        };
        for account in named {
            if !accounts.contains(account) {
                accounts.push(*account);
            }
        }
    }
    for account in accounts {
        let mut out: Set = 0;
        for index in (0..acts.len()).filter(|i| has(set, *i)) {
            if takes_out(&acts[index], account) {
                out |= bit(index);
            }
        }
        let stands = |index: usize| has(set, index) && acts[index].past & out == out;
        let first = (0..acts.len()).find(|i| stands(*i) && takes_in(&acts[*i], account));
        let Some(first) = first else { continue };
        let founder =
            matches!(acts[first].deed, Deed::Found { .. }) && acts[first].author == account;
        let mut role = if founder { Role::Owner } else { Role::Member };
        for index in (0..acts.len()).filter(|i| stands(*i)) {
            if let Deed::Role { account: whom, role: given } = &acts[index].deed
                && *whom == account
            {
                role = *given;
            }
        }
        members.push(Standing { account, role, since: acts[first].at });
    }
    if !members.iter().any(|m| m.role == Role::Owner) {
        let heir =
            members.iter_mut().min_by_key(|m| (std::cmp::Reverse(m.role), m.since, m.account));
        if let Some(heir) = heir {
            heir.role = Role::Owner;
        }
    }
    members.sort_by_key(|m| m.account);
    members
}

pub fn role(members: &[Standing], account: AccountId) -> Option<Role> {
    members.iter().find(|m| m.account == account).map(|m| m.role)
}

/// What a role allows.
pub fn permits(members: &[Standing], author: AccountId, deed: &Deed) -> bool {
    let Some(own) = role(members, author) else { return false };
    match deed {
        Deed::Found { .. } | Deed::Unknown => false,
        Deed::Leave => true,
        Deed::Add(_) | Deed::Title(_) | Deed::Avatar(_) => own != Role::Member,
        Deed::Remove { account, .. } => {
            let target = role(members, *account);
            *account != author && own != Role::Member && target.is_some_and(|t| t <= own)
        }
        Deed::Role { account, role: given } => match (role(members, *account), own) {
            (None, _) => false,
            (Some(_), Role::Owner) => true,
            (Some(_), _) if *account == author => *given <= own,
            (Some(Role::Member), Role::Admin) => *given != Role::Owner,
            _ => false,
        },
    }
}

fn concurrent(acts: &[Act], a: usize, b: usize) -> bool {
    a != b && !has(acts[a].past, b) && !has(acts[b].past, a)
}

/// Part 1 of the rule, with `void` without effect for other reasons.
fn allowed(acts: &[Act], void: Set) -> Set {
    let mut on: Set = 0;
    for (index, act) in acts.iter().enumerate() {
        // Who claims to have seen what comes later claims the impossible.
        let causal = act.past < bit(index);
        let permitted = match act.deed {
            Deed::Found { .. } => true,
            _ => permits(&state(acts, on & act.past), act.author, &act.deed),
        };
        if causal && permitted && !has(void, index) {
            on |= bit(index);
        }
    }
    on
}

/// What removal `index` beats among `on`.
fn beaten(acts: &[Act], on: Set, index: usize) -> Set {
    let Deed::Remove { account, .. } = &acts[index].deed else { return 0 };
    (0..acts.len())
        .filter(|i| has(on, *i) && acts[*i].author == *account && concurrent(acts, *i, index))
        .fold(0, |set, i| set | bit(i))
}

/// Which of `acts` have effect.
pub fn decide(acts: &[Act]) -> Set {
    let (mut void, mut won): (Set, Set) = (0, 0);
    loop {
        let on = allowed(acts, void);
        let mut contested = Vec::new();
        for index in (0..acts.len()).filter(|i| has(on, *i) && !has(won, *i)) {
            let victims = beaten(acts, on, index) & !won;
            if victims != 0 {
                contested.push((index, victims, on & !allowed(acts, void | victims)));
            }
        }
        if contested.is_empty() {
            return on;
        }
        // Who undoes whom, directly or through others.
        let mut undoes: Vec<Set> = contested.iter().map(|(_, _, fallen)| *fallen).collect();
        for _ in 0..contested.len() {
            for from in 0..contested.len() {
                for to in 0..contested.len() {
                    if has(undoes[from], contested[to].0) {
                        undoes[from] |= undoes[to];
                    }
                }
            }
        }
        let (index, victims, _) = *contested
            .iter()
            .enumerate()
            .filter(|(mine, (index, _, _))| {
                (0..contested.len()).all(|other| {
                    !has(undoes[other], *index) || has(undoes[*mine], contested[other].0)
                })
            })
            .map(|(_, entry)| entry)
            .min_by_key(|(index, _, _)| {
                let act = &acts[*index];
                let own = role(&state(acts, on & act.past), act.author).unwrap();
                (std::cmp::Reverse(own), act.at.lamport, act.id.0)
            })
            .expect("a graph has a source component");
        won |= bit(index);
        void |= victims;
    }
}

/// Which promise `on`, as the events with effect, breaks.
pub fn faults(acts: &[Act], on: Set) -> Option<String> {
    let by_removal = (0..acts.len()).filter(|i| has(on, *i)).map(|i| (i, beaten(acts, !0, i)));
    let removals: Vec<(usize, Set)> = by_removal.filter(|(_, beaten)| *beaten != 0).collect();
    for (index, act) in acts.iter().enumerate() {
        let founds = matches!(act.deed, Deed::Found { .. });
        let seen = state(acts, on & act.past);
        let permitted = founds || permits(&seen, act.author, &act.deed);
        let by: Vec<usize> =
            removals.iter().filter(|(_, beaten)| has(*beaten, index)).map(|(r, _)| *r).collect();
        if has(on, index) && !permitted {
            return Some(format!("event {index} has effect, but its author was not allowed to"));
        }
        if has(on, index) && !by.is_empty() && !wins_a_ring(acts, index, &by) {
            return Some(format!("event {index} has effect, but removals {by:?} beat it"));
        }
        if !has(on, index) && permitted && by.is_empty() {
            return Some(format!("event {index} has no effect, but nothing with effect beats it"));
        }
    }
    let members = state(acts, on);
    if !members.is_empty() && !members.iter().any(|m| m.role == Role::Owner) {
        return Some("members without an owner".into());
    }
    for member in &members {
        let out = (0..acts.len()).filter(|i| has(on, *i) && takes_out(&acts[*i], member.account));
        for removal in out {
            let back = (0..acts.len()).any(|i| {
                has(on, i) && takes_in(&acts[i], member.account) && has(acts[i].past, removal)
            });
            if !back {
                return Some(format!("{:?} is in despite removal {removal}", member.account));
            }
        }
    }
    None
}

/// Whether a removal that is itself removed may stand: only in a ring of at least three.
fn wins_a_ring(acts: &[Act], index: usize, by: &[usize]) -> bool {
    let mine = beaten(acts, !0, index);
    mine != 0 && by.iter().all(|other| !has(mine, *other))
}
