//! Mailboxes against a plain list: every letter is given, acknowledged, or told to be gone.

use anser_relay_proto::{Cursor, Epoch, Held, MailReader, Reason};
use proptest::prelude::*;

const SHARD: u16 = 9;

#[derive(Clone, Debug)]
enum Step {
    Deposit,
    /// Reconnect; with the last cursor, without one, or with one of another mailbox.
    Open(u8),
    Page(usize),
    Ack,
    Expire(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Deposit),
        2 => (0..3_u8).prop_map(Step::Open),
        5 => (1..4_usize).prop_map(Step::Page),
        2 => Just(Step::Ack),
        1 => (0..40_u64).prop_map(Step::Expire),
    ]
}

/// A mailbox and its one owner, who processes what it is given at once.
struct World {
    held: Held,
    letters: Vec<u64>,
    reader: MailReader,
    cursor: Cursor,
    /// Up to here the owner has processed every letter or was told that it is gone.
    upto: u64,
}

impl World {
    fn new() -> Self {
        let held = Held::default();
        let (reader, _) = MailReader::open(Epoch(1), SHARD, held, None);
        let cursor = Cursor::start(Epoch(1));
        Self { held, letters: Vec::new(), reader, cursor, upto: 0 }
    }

    fn open(&mut self, how: u8) {
        let foreign: Cursor = "1.8:1000".parse().unwrap();
        let cursor = match how {
            0 => Some(&self.cursor),
            1 => None,
            _ => Some(&foreign),
        };
        let (reader, hello) = MailReader::open(Epoch(1), SHARD, self.held, cursor);
        self.reader = reader;
        match hello.reason {
            Reason::Ok => {}
            Reason::Trimmed => self.upto = self.upto.max(hello.oldest.seq(SHARD)),
            reason => panic!("{reason:?}"),
        }
    }

    /// What the store would give.
    fn page(&mut self, most: usize) {
        let Some(after) = self.reader.wants() else { return };
        let page: Vec<u64> =
            self.letters.iter().copied().filter(|seq| *seq > after).take(most).collect();
        if page.first() != Some(&(after + 1)) && self.reader.missed(self.held) {
            // The connection is cut, and its owner comes back.
            return self.open(0);
        }
        self.reader.given(page.last().copied());
        for seq in page {
            // What it had processed before it drops; a new one must be the next there was.
            if seq > self.upto {
                let next = self.upto + 1;
                assert_eq!(seq, next, "letter {next} is missing and nobody said so");
                self.upto = seq;
            }
        }
        self.reader.mark(&mut self.cursor);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn no_letter_is_lost_unawares(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Deposit => {
                    world.held.last += 1;
                    world.letters.push(world.held.last);
                    world.reader.deposited(world.held.last);
                }
                Step::Open(how) => world.open(how),
                Step::Page(most) => world.page(most),
                Step::Ack => {
                    world.held.acked = world.held.acked.max(world.upto);
                    world.letters.retain(|seq| *seq > world.held.acked);
                }
                Step::Expire(upto) => {
                    let oldest: Vec<u64> =
                        world.letters.iter().copied().filter(|seq| *seq <= upto).collect();
                    if let Some(last) = oldest.last() {
                        world.held.gone = world.held.gone.max(*last);
                        world.letters.retain(|seq| *seq > *last);
                    }
                }
            }
        }
        // Whatever happened: coming back, the owner ends with everything there is.
        world.open(0);
        while world.reader.wants().is_some() {
            world.page(3);
        }
        prop_assert_eq!(world.upto, world.held.last);
    }
}
