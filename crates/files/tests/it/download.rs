//! What a fetch does with slow, silent, lying and vanishing devices.

use anser_files::Received;
use proptest::prelude::*;

use crate::world::{Dice, Other, PART, World, device};

#[test]
fn a_file_comes_from_one_device_with_a_bounded_window() {
    let mut world = World::new(1, 200 * PART + 5, vec![Other::new(1)]);
    world.finish(2_000);
    assert!(world.most_under_way <= 16, "{}", world.most_under_way);
    assert!(world.most_under_way >= 12, "the window never opened: {}", world.most_under_way);
    assert!(world.others[0].sent <= 220, "{} parts for 201", world.others[0].sent);
}

#[test]
fn a_slow_line_is_not_filled_far_ahead() {
    let mut world = World::new(2, 40 * PART, vec![Other::new(400)]);
    world.finish(60_000);
    assert!(world.most_under_way <= 3, "{} parts of 400 ms each", world.most_under_way);
}

#[test]
fn faster_devices_give_more() {
    let others = vec![Other::new(2), Other::new(20), Other::new(20)];
    let mut world = World::new(3, 400 * PART, others);
    world.finish(10_000);
    let sent: Vec<_> = world.others.iter().map(|other| other.sent).collect();
    assert!(sent[0] > 3 * sent[1] && sent[1] > 5 && sent[2] > 5, "{sent:?}");
}

#[test]
fn a_liar_is_dropped_and_costs_nothing_else() {
    let mut liar = Other::new(1);
    liar.lies = true;
    let mut world = World::new(4, 60 * PART, vec![liar, Other::new(3)]);
    world.finish(5_000);
    assert_eq!(world.wrong, 1);
    assert!(world.download.is_liar(&device(0)));
    let asked = world.others[0].asked.len();
    world.meet_all();
    world.restart();
    assert!(asked <= 2, "{asked} parts were asked of a liar");
}

#[test]
fn only_liars_give_nothing() {
    let mut liar = Other::new(1);
    liar.lies = true;
    let mut world = World::new(5, 10 * PART, vec![liar.clone(), liar]);
    while world.step() {}
    assert_eq!((world.wrong, world.disk.len(), world.download.held_bytes()), (2, 0, 0));
    assert!(!world.download.has_providers(world.now_ms));
}

#[test]
fn one_that_lacks_the_file_is_asked_again_later_and_less_and_less() {
    let mut lacking = Other::new(1);
    lacking.has = false;
    let mut world = World::new(6, 10 * PART, vec![lacking]);
    for _ in 0..8 {
        assert!(world.step());
    }
    assert!((60_000..1_000_000).contains(&world.now_ms), "{}", world.now_ms);
    world.others[0].has = true;
    world.download.wake();
    let now_ms = world.now_ms;
    world.finish(now_ms + 1_000);
}

#[test]
fn a_device_that_goes_silent_holds_nobody_up_for_long() {
    let mut silent = Other::new(1);
    silent.loss = 100;
    let mut world = World::new(7, 100 * PART, vec![silent, Other::new(2)]);
    world.finish(20_000);
    assert!(world.now_ms < 1_000, "the silent one's parts were waited for: {}", world.now_ms);
}

#[test]
fn the_last_parts_are_not_left_to_a_slow_device() {
    let mut world = World::new(8, 32 * PART, vec![Other::new(5), Other::new(4_000)]);
    world.finish(60_000);
    assert!(world.now_ms < 2_000, "{}", world.now_ms);
}

#[test]
fn a_source_that_leaves_is_replaced() {
    let mut world = World::new(9, 100 * PART, vec![Other::new(2), Other::new(2)]);
    for _ in 0..30 {
        world.step();
    }
    world.leave(0);
    world.finish(10_000);
}

#[test]
fn a_source_that_may_not_be_asked_any_more_is_not() {
    let mut world = World::new(12, 100 * PART, vec![Other::new(2), Other::new(2)]);
    for _ in 0..30 {
        world.step();
    }
    world.download.only(|other| *other == device(1));
    let asked = world.others[0].asked.len();
    world.finish(10_000);
    assert_eq!(world.others[0].asked.len(), asked);
}

#[test]
fn what_nobody_asked_for_is_not_even_looked_at() {
    let mut world = World::new(10, 4 * PART, vec![Other::new(1)]);
    let part = world.content[..PART].to_vec();
    let unasked = world.download.part(&device(0), 0, &part, &[], 0);
    let stranger = world.download.part(&device(7), 0, &part, &[], 0);
    assert_eq!((unasked, stranger), (Received::Unasked, Received::Unasked));
    assert!(!world.download.is_liar(&device(0)));
}

#[test]
fn an_empty_file_is_whole_at_once() {
    let world = World::new(11, 0, vec![]);
    assert!(world.download.is_complete());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happens, as long as one honest device stays, the file comes whole.
    #[test]
    fn any_weather_ends_in_the_same_bytes(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let size = dice.below(80 * PART as u64) as usize;
        let count = 1 + dice.below(5) as usize;
        let others = (0..count).map(|index| {
            let mut other = Other::new(1 + dice.below(60));
            other.loss = dice.below(30);
            if index > 0 {
                other.lies = dice.below(4) == 0;
                other.has = dice.below(4) != 0;
            }
            other
        }).collect();
        let mut world = World::new(seed, size, others);
        for _ in 0..dice.below(400) {
            world.step();
            match dice.below(60) {
                0 => world.restart(),
                1 => {
                    let index = dice.below(count as u64) as usize;
                    if index > 0 {
                        world.leave(index);
                    }
                }
                2 => {
                    for other in &mut world.others {
                        other.online = true;
                    }
                    world.meet_all();
                }
                _ => {}
            }
        }
        let now_ms = world.now_ms;
        world.finish(now_ms + 3_600_000);
        prop_assert!(world.most_under_way <= 16);
    }
}
