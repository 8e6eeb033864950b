//! The membership rule on every small history: the same from every order, the same as an
//! independent decision from the text, and keeping what the text promises.

use anser_chat::{Authority, Deed};
use anser_proto::{AccountId, Role};

use crate::histories::{History, Universe, account, device, remove};
use crate::oracle::{self, Standing};
use crate::world::{Dice, runs};
use Role::{Admin, Member, Owner};

fn check(history: &History) {
    let on = history.effective();
    let authority = &history.authority;
    let again = history.decided_at_once();
    let effective = |a: &Authority| a.effective().map(|e| e.at).collect::<Vec<_>>();
    assert_eq!(
        (authority.current(), effective(authority)),
        (again.current(), effective(&again)),
        "step by step and at once differ:{}",
        history.describe()
    );
    assert_eq!(
        on,
        oracle::decide(&history.acts),
        "not what the rule says (bits):{}",
        history.describe()
    );
    let members: Vec<Standing> = authority
        .current()
        .members()
        .map(|(account, m)| Standing { account, role: m.role, since: m.since })
        .collect();
    assert_eq!(members, oracle::state(&history.acts, on), "{}", history.describe());
    if let Some(fault) = oracle::faults(&history.acts, on) {
        panic!("{fault}:{}", history.describe());
    }
}

fn explore(universe: &Universe) {
    let started = std::time::Instant::now();
    let count = universe.visit(&mut check);
    println!("{count} histories in {:?}", started.elapsed());
    assert!(count > 1_000, "only {count} histories: the enumeration is broken");
}

/// Everything an honest program lets its user do.
fn everything(view: &[Standing], author: AccountId, everybody: &[AccountId]) -> Vec<Deed> {
    let mut deeds = vec![Deed::Leave];
    for whom in everybody {
        match oracle::role(view, *whom) {
            Some(has) => {
                deeds.push(remove(*whom));
                let others = [Member, Admin, Owner].into_iter().filter(|role| *role != has);
                deeds.extend(others.map(|role| Deed::Role { account: *whom, role }));
            }
            None if *whom != author => deeds.push(Deed::Add(vec![*whom])),
            None => {}
        }
    }
    deeds
}

/// Adding and removing only.
fn comings_and_goings(view: &[Standing], _: AccountId, everybody: &[AccountId]) -> Vec<Deed> {
    let known = |whom: &AccountId| oracle::role(view, *whom).is_some();
    let deed = |whom: &AccountId| if known(whom) { remove(*whom) } else { Deed::Add(vec![*whom]) };
    everybody.iter().map(deed).collect()
}

/// Removing only.
fn removals(_: &[Standing], _: AccountId, everybody: &[AccountId]) -> Vec<Deed> {
    everybody.iter().copied().map(remove).collect()
}

/// Removing, and making people admins or plain members.
fn removals_and_roles(view: &[Standing], _: AccountId, everybody: &[AccountId]) -> Vec<Deed> {
    let flip = |whom: &AccountId| match oracle::role(view, *whom) {
        Some(Member) => Some(Deed::Role { account: *whom, role: Admin }),
        Some(Admin) => Some(Deed::Role { account: *whom, role: Member }),
        _ => None,
    };
    everybody.iter().filter_map(flip).chain(everybody.iter().copied().map(remove)).collect()
}

/// Whatever can be written, allowed or not.
fn anything(_: &[Standing], _: AccountId, everybody: &[AccountId]) -> Vec<Deed> {
    let mut deeds = vec![Deed::Leave, Deed::Title("new".into()), Deed::Unknown];
    for whom in everybody {
        deeds.push(Deed::Add(vec![*whom]));
        deeds.push(remove(*whom));
        deeds.extend([Member, Admin, Owner].map(|role| Deed::Role { account: *whom, role }));
    }
    deeds
}

#[test]
fn every_history_of_honest_members() {
    let roles = vec![Owner, Admin, Admin];
    explore(&Universe { roles, strangers: 1, events: 3, alphabet: everything, honest: true });
}

#[test]
fn every_history_of_people_who_try_anything() {
    let roles = vec![Owner, Admin, Member];
    explore(&Universe { roles, strangers: 1, events: 2, alphabet: anything, honest: false });
}

#[test]
fn every_history_of_comings_and_goings() {
    let roles = vec![Owner, Admin, Admin];
    let alphabet = comings_and_goings;
    explore(&Universe { roles, strangers: 1, events: 4, alphabet, honest: true });
}

#[test]
fn every_ring_of_removals_among_equals() {
    let roles = vec![Owner, Admin, Admin, Admin];
    explore(&Universe { roles, strangers: 0, events: 4, alphabet: removals, honest: true });
}

#[test]
fn every_history_of_removals_and_roles() {
    let roles = vec![Owner, Admin, Admin, Member];
    let alphabet = removals_and_roles;
    explore(&Universe { roles, strangers: 0, events: 3, alphabet, honest: true });
}

#[test]
fn every_history_with_two_owners() {
    let roles = vec![Owner, Owner, Admin];
    let alphabet = removals_and_roles;
    explore(&Universe { roles, strangers: 0, events: 4, alphabet, honest: true });
}

/// Longer histories of more people, too many to see all: as many as there is time for.
#[test]
fn random_long_histories() {
    for seed in runs("ANSER_RULE", 1_500) {
        let mut dice = Dice::new(seed);
        let roles = (0..4).map(|_| *dice.pick(&[Owner, Admin, Admin, Member])).collect();
        let alphabet = *dice.pick(&[everything, removals_and_roles, comings_and_goings]);
        let universe = Universe { roles, strangers: 1, events: 7, alphabet, honest: true };
        println!("seed {seed}");
        universe.walk(&mut dice, &mut check);
    }
}

#[test]
fn a_removed_admin_cannot_date_a_deed_before_the_removal_it_has_seen() {
    let roles = vec![Owner, Admin, Member];
    let universe = Universe { roles, strangers: 0, events: 2, alphabet: removals, honest: true };
    let beginning = universe.beginning();
    let everything = (1 << beginning.events.len()) - 1;
    let mut removed = beginning.with(2, everything, Deed::Leave);
    removed = removed.with(0, (1 << removed.events.len()) - 1, remove(account(1)));
    let mut back_dated = removed.with(1, (1 << removed.events.len()) - 1, remove(account(2)));
    let event = back_dated.events.pop().unwrap();
    let early = anser_proto::Position { lamport: removed.events[2].at.lamport, ..event.at };
    let mut authority = removed.authority.clone();
    authority.insert(anser_chat::AuthorityEvent { at: early, ..event });
    assert!(!authority.has_effect(&early));
    assert_eq!(authority.current(), removed.authority.current());
}

#[test]
fn in_a_ring_of_removals_the_strongest_stands() {
    let roles = vec![Owner, Admin, Admin, Admin];
    let universe = Universe { roles, strangers: 0, events: 3, alphabet: removals, honest: true };
    let beginning = universe.beginning();
    let seen = (1 << beginning.events.len()) - 1;
    let mut devices = [1, 2, 3];
    devices.sort_by_key(|person| device(*person));
    let [first, second, third] = devices;
    let ring = beginning
        .with(first, seen, remove(account(second)))
        .with(second, seen, remove(account(third)))
        .with(third, seen, remove(account(first)));
    check(&ring);
    let strongest = (4..7).min_by_key(|index| ring.acts[*index].id.0).unwrap();
    assert!(ring.authority.has_effect(&ring.acts[strongest].at), "{}", ring.describe());
}

#[test]
fn a_group_outlives_the_revoked_device_that_founded_it() {
    let roles = vec![Owner, Member];
    let universe = Universe { roles, strangers: 1, events: 2, alphabet: removals, honest: true };
    let beginning = universe.beginning();
    let everything = (1 << beginning.events.len()) - 1;
    let mut authority = beginning.with(0, everything, Deed::Add(vec![account(2)])).authority;
    // The device that revokes it may never have heard of the group.
    authority.limit(device(0), 0);
    assert!(authority.current().contains(&account(0)) && authority.current().contains(&account(1)));
    assert!(!authority.current().contains(&account(2)), "what came later does not count");
    assert!(authority.ever(&account(1)));
}
