//! Every small history of a group, each once.
//!
//! A history is enumerated in display order: the next event has any author, any causally closed
//! past that holds the author's own events, any deed of the alphabet, and comes after the last one.
//! Whatever order events arrive in, the last one to arrive joins a smaller history, which was
//! enumerated too; so that checking "adding the last one in display order gives what a decision
//! from nothing gives" for all of them covers all orders.

use std::sync::Arc;

use anser_chat::{Authority, AuthorityEvent, Deed, Past};
use anser_proto::{AccountId, DeviceId, EventId, Position, Role, Seen};

use crate::oracle::{self, Act, Set};
use crate::world::Dice;

/// Which histories to enumerate.
pub struct Universe {
    /// Accounts that are members from the beginning; the first is the founder.
    pub roles: Vec<Role>,
    /// Further accounts, who are nobody yet.
    pub strangers: usize,
    /// How many events come after the beginning.
    pub events: usize,
    /// What may be tried: `(state its author sees, author, everybody)`.
    pub alphabet: fn(&[oracle::Standing], AccountId, &[AccountId]) -> Vec<Deed>,
    /// Whether authors only do what the state they see allows.
    pub honest: bool,
}

/// A history under construction.
#[derive(Clone)]
pub struct History {
    pub events: Vec<AuthorityEvent>,
    pub acts: Vec<Act>,
    pub authority: Authority,
}

pub fn account(index: usize) -> AccountId {
    AccountId([index as u8 + 1; 32])
}

/// Devices are not in the order of their accounts, so that nothing holds by accident.
pub fn device(index: usize) -> DeviceId {
    DeviceId([[40, 20, 30, 10, 50][index]; 32])
}

impl History {
    fn nothing() -> Self {
        Self { events: vec![], acts: vec![], authority: Authority::default() }
    }

    /// The state that the events in `seen` make by themselves.
    fn view(&self, seen: Set) -> Vec<oracle::Standing> {
        let everything = seen == (1 << self.acts.len()) - 1;
        if everything {
            let on = self.effective();
            return oracle::state(&self.acts, on);
        }
        let chosen: Vec<usize> = (0..self.acts.len()).filter(|i| seen & (1 << i) != 0).collect();
        let renumber = |set: Set| {
            let kept = chosen.iter().enumerate().filter(|(_, old)| set & (1 << **old) != 0);
            kept.fold(0, |set, (new, _)| set | 1 << new)
        };
        let acts: Vec<Act> = chosen
            .iter()
            .map(|i| Act { past: renumber(self.acts[*i].past), ..self.acts[*i].clone() })
            .collect();
        oracle::state(&acts, oracle::decide(&acts))
    }

    pub fn effective(&self) -> Set {
        (0..self.events.len())
            .filter(|i| self.authority.has_effect(&self.events[*i].at))
            .fold(0, |set, i| set | 1 << i)
    }

    fn next_position(&self, author: usize, seen: Set) -> Position {
        let device = device(author);
        let own = self.events.iter().filter(|e| e.at.device == device).count() as u64;
        let seen = self.events.iter().enumerate().filter(|(i, _)| seen & (1 << i) != 0);
        let lamport = seen.map(|(_, e)| e.at.lamport).max().unwrap_or(0) + 1;
        Position { lamport, device, seq: own + 1 }
    }

    /// The history with one more event at its end.
    pub fn with(&self, author: usize, seen: Set, deed: Deed) -> Self {
        let at = self.next_position(author, seen);
        let mut past = Past::new();
        for (index, event) in self.events.iter().enumerate() {
            if seen & (1 << index) != 0 {
                past.add(event.at.device, event.at.seq);
            }
        }
        // Ids that follow neither the accounts' order nor the devices'.
        let id = EventId(*blake3::hash(&[author as u8, at.seq as u8, seen as u8]).as_bytes());
        let mut next = self.clone();
        let author = account(author);
        next.acts.push(Act { author, deed: deed.clone(), at, id, past: seen });
        let event = AuthorityEvent { at, id, author, past: Arc::new(past), deed };
        next.events.push(event.clone());
        next.authority.insert(event);
        next
    }

    /// What the same events give when nothing was decided step by step.
    pub fn decided_at_once(&self) -> Authority {
        let mut authority = self.authority.clone();
        authority.limit(self.events[0].at.device, u64::MAX - 1);
        authority
    }

    pub fn describe(&self) -> String {
        let on = self.effective();
        let mut text = String::new();
        for (index, act) in self.acts.iter().enumerate() {
            let seen: Vec<usize> =
                (0..self.acts.len()).filter(|i| act.past & (1 << i) != 0).collect();
            let who = act.author.0[0] - 1;
            let mark = if on & (1 << index) != 0 { "*" } else { " " };
            let deed = match &act.deed {
                Deed::Remove { account, .. } => format!("removes {}", account.0[0] - 1),
                Deed::Add(accounts) => format!("adds {}", accounts[0].0[0] - 1),
                Deed::Role { account, role } => format!("makes {} {role:?}", account.0[0] - 1),
                other => format!("{other:?}"),
            };
            let at = act.at.lamport;
            text += &format!("\n{mark} {index}: account {who} at {at}, seen {seen:?}: {deed}");
        }
        text
    }
}

impl Universe {
    fn everybody(&self) -> Vec<AccountId> {
        (0..self.roles.len() + self.strangers).map(account).collect()
    }

    /// The founding and the giving of roles, which everybody has seen.
    pub fn beginning(&self) -> History {
        let members = (1..self.roles.len()).map(account).collect();
        let found = Deed::Found { title: "group".into(), members, history: true };
        let mut history = History::nothing().with(0, 0, found);
        for (index, role) in self.roles.iter().enumerate().skip(1) {
            // What the founder is cannot be chosen.
            if *role != Role::Member {
                let seen = (1 << history.events.len()) - 1;
                history =
                    history.with(0, seen, Deed::Role { account: account(index), role: *role });
            }
        }
        history
    }

    /// Visits every history; returns how many there are.
    pub fn visit(&self, check: &mut impl FnMut(&History)) -> usize {
        let beginning = self.beginning();
        let everybody = self.everybody();
        self.extend(&beginning, beginning.events.len(), &everybody, check)
    }

    /// Visits one history of full length and all it grew from.
    pub fn walk(&self, dice: &mut Dice, check: &mut impl FnMut(&History)) {
        let mut history = self.beginning();
        let (base, everybody) = (history.events.len(), self.everybody());
        for _ in 0..20 * self.events {
            let author = dice.below(everybody.len());
            let seen = *dice.pick(&closed_sets(&history, base, everybody[author]));
            if history.next_position(author, seen) <= history.events.last().unwrap().at {
                continue;
            }
            let view = history.view(seen);
            let mut deeds = (self.alphabet)(&view, everybody[author], &everybody);
            deeds.retain(|deed| !self.honest || oracle::permits(&view, everybody[author], deed));
            if !deeds.is_empty() {
                history = history.with(author, seen, dice.pick(&deeds).clone());
                check(&history);
            }
            if history.events.len() - base == self.events {
                return;
            }
        }
    }

    fn extend(
        &self,
        history: &History,
        base: usize,
        everybody: &[AccountId],
        check: &mut impl FnMut(&History),
    ) -> usize {
        check(history);
        let mut count = 1;
        if history.events.len() - base == self.events {
            return count;
        }
        let last = history.events.last().unwrap().at;
        for author in 0..everybody.len() {
            for seen in closed_sets(history, base, everybody[author]) {
                if history.next_position(author, seen) <= last {
                    continue;
                }
                let view = history.view(seen);
                for deed in (self.alphabet)(&view, everybody[author], everybody) {
                    if !self.honest || oracle::permits(&view, everybody[author], &deed) {
                        let next = history.with(author, seen, deed);
                        count += self.extend(&next, base, everybody, check);
                    }
                }
            }
        }
        count
    }
}

/// The causally closed sets with the beginning and all of the author's own events.
fn closed_sets(history: &History, base: usize, author: AccountId) -> Vec<Set> {
    let free = history.acts.len() - base;
    let beginning: Set = (1 << base) - 1;
    (0..1_u32 << free)
        .map(|chosen| chosen << base | beginning)
        .filter(|set| {
            history.acts.iter().enumerate().all(|(index, act)| {
                let inside = set & (1 << index) != 0;
                (inside || act.author != author) && (!inside || act.past & !set == 0)
            })
        })
        .collect()
}

pub fn remove(account: AccountId) -> Deed {
    Deed::Remove { account, cuts: Vec::<Seen>::new() }
}
