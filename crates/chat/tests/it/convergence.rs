//! Members who hold the same events show the same conversation, whatever the order, the
//! duplicates, the gaps, the withheld bodies, and whoever wrote two histories or lied about what
//! they had seen.

use anser_proto::{Change, Kind, Role};

use crate::replica::{Cast, Replica, Writer};
use crate::world::{Dice, runs};

/// What everybody must agree on.
fn assert_alike(one: &Replica, other: &Replica, seed: u64) {
    let (a, b) = (&one.conversation, &other.conversation);
    assert_eq!(a.forks(), b.forks(), "forks, seed {seed}");
    assert_eq!(a.heads(), b.heads(), "heads, seed {seed}");
    assert_eq!(a.digest(), b.digest(), "digest, seed {seed}");
    assert_eq!(a.membership(), b.membership(), "membership, seed {seed}");
    for head in a.heads() {
        for seq in 1..=head.seq {
            let event = &one.held[&(head.device, seq)];
            let at = event.position();
            assert_eq!(
                a.shows(&at, event.kind()),
                b.shows(&at, event.kind()),
                "event {seq} of {:?} ({:?}), seed {seed}",
                head.device,
                event.kind()
            );
        }
    }
}

/// One scene: people write, hear of each other or not, and some cheat.
fn play(dice: &mut Dice, cast: &Cast, group: bool) -> Vec<Writer> {
    let mut writers = cast.writers(group, dice);
    for step in 0..30 {
        let at = dice.below(writers.len());
        match dice.below(20) {
            0..6 => {
                let from = dice.below(writers.len());
                let mut heard: Vec<_> = writers[from].replica.held.values().cloned().collect();
                dice.shuffle(&mut heard);
                if dice.percent(40) {
                    heard.truncate(heard.len() / 2);
                }
                writers[at].replica.receive_all(heard);
            }
            6 if step > 8 && cast.cheats => {
                let twin = writers[at].clone();
                writers.push(twin);
            }
            7..13 if group => {
                let change = change(dice, cast);
                writers[at].write(cast, Kind::Membership, change.encode(), dice);
            }
            13 => {
                writers[at].write(cast, Kind::Other(900), b"from a newer version".to_vec(), dice);
            }
            _ => {
                writers[at].write(cast, Kind::Message, format!("text {step}").into_bytes(), dice);
            }
        }
    }
    writers
}

fn change(dice: &mut Dice, cast: &Cast) -> Change {
    let account = dice.pick(&cast.people).account();
    match dice.below(12) {
        0..4 => Change::Add(vec![account]),
        4..7 => Change::Remove { account, cuts: vec![] },
        7 => Change::Leave,
        8 => Change::Title(format!("title {}", dice.below(100))),
        9 => Change::Unknown(77),
        _ => Change::Role {
            account,
            role: *dice.pick(&[Role::Member, Role::Admin, Role::Admin, Role::Owner]),
        },
    }
}

/// Plays a scene and brings everything to everybody; gives the number of events they share.
fn converge(seed: u64, group: bool, cheats: bool) -> u64 {
    let mut dice = Dice::new(seed);
    let cast = Cast::new(&mut dice, cheats);
    let writers = play(&mut dice, &cast, group);
    let mut all: Vec<_> = writers.iter().flat_map(|w| w.replica.held.values().cloned()).collect();
    let revoked = cheats.then(|| {
        let writer = dice.pick(&writers);
        (writer.device(), dice.below(4) as u64)
    });
    let mut replicas: Vec<Replica> = writers.iter().map(|w| w.replica.clone()).collect();
    replicas.push(Replica::new(&writers[0].replica));
    replicas.push(Replica::new(&writers[0].replica));
    for replica in &mut replicas {
        dice.shuffle(&mut all);
        let revocation_after = dice.below(all.len());
        for (index, event) in all.iter().enumerate() {
            if index == revocation_after
                && let Some((device, seq)) = revoked
            {
                replica.revoke(device, seq);
            }
            let event = if dice.percent(10) { Replica::withheld(event) } else { event.clone() };
            replica.receive_all(vec![event]);
            if dice.percent(20) {
                // Asking must not change the answer given later.
                let device = dice.pick(&writers).device();
                let _ = replica.conversation.counts(&device, dice.below(6) as u64);
            }
        }
    }
    for replica in &replicas {
        assert!(replica.pending.is_empty() || cheats, "an honest event stays out, seed {seed}");
        assert_alike(&replicas[0], replica, seed);
        assert_alike(replica, &replicas[0], seed);
        assert_alike(replica, &replica.restored(), seed);
    }
    replicas[0].conversation.heads().iter().map(|head| head.seq).sum()
}

fn all(usual: u64, group: bool, cheats: impl Fn(u64) -> bool) {
    let seeds = runs("ANSER_CHAT", usual);
    let tried = seeds.end - seeds.start;
    let shared: u64 = seeds.map(|seed| converge(seed, group, cheats(seed))).sum();
    assert!(shared > 3 * tried, "only {shared} events in {tried} scenes: nobody writes");
}

#[test]
fn groups_of_honest_people() {
    all(60, true, |_| false);
}

#[test]
fn groups_with_forked_revoked_and_lying_devices() {
    all(200, true, |_| true);
}

#[test]
fn direct_conversations() {
    all(60, false, |seed| seed % 2 == 1);
}
