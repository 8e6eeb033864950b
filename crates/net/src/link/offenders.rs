//! Devices that broke the frame rules lately, and until when they are banned. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use anser_proto::DeviceId;

/// This many bad streams within [`STRIKE_WINDOW`] end in a ban.
const STRIKES: usize = 3;
const STRIKE_WINDOW: Duration = Duration::from_secs(60);
const BAN: Duration = Duration::from_secs(60);
/// Devices remembered; beyond that the one whose last offence is oldest is forgotten.
const MAX_OFFENDERS: usize = 1_024;

#[derive(Default)]
struct Offender {
    strikes: VecDeque<Instant>,
    banned_until: Option<Instant>,
    last: Option<Instant>,
}

/// The list.
#[derive(Default)]
pub(crate) struct Offenders(BTreeMap<DeviceId, Offender>);

impl Offenders {
    pub(crate) fn is_banned(&self, device: &DeviceId, now: Instant) -> bool {
        self.0.get(device).and_then(|o| o.banned_until).is_some_and(|until| until > now)
    }

    /// Notes a bad stream; returns whether the device is banned for it.
    pub(crate) fn strike(&mut self, device: DeviceId, now: Instant) -> bool {
        if self.0.len() >= MAX_OFFENDERS && !self.0.contains_key(&device) {
            let oldest = self.0.iter().min_by_key(|(_, o)| o.last).map(|(device, _)| *device);
            oldest.and_then(|device| self.0.remove(&device));
        }
        let offender = self.0.entry(device).or_default();
        offender.strikes.retain(|at| now.saturating_duration_since(*at) < STRIKE_WINDOW);
        offender.strikes.push_back(now);
        offender.last = Some(now);
        let banned = offender.strikes.len() >= STRIKES;
        if banned {
            offender.strikes.clear();
            offender.banned_until = now.checked_add(BAN);
        }
        banned
    }

    /// Forgets what is over.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.0.retain(|_, o| {
            o.banned_until.is_some_and(|until| until > now)
                || o.last.is_some_and(|at| now.saturating_duration_since(at) < STRIKE_WINDOW)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_within_a_minute_ban_for_a_minute() {
        let start = Instant::now();
        let after = |s: u64| start + Duration::from_secs(s);
        let device = DeviceId([1; 32]);
        let mut list = Offenders::default();
        assert!(!list.strike(device, after(0)));
        assert!(!list.strike(device, after(30)));
        assert!(!list.strike(device, after(61)), "the first is forgotten");
        assert!(list.strike(device, after(62)));
        assert!(list.is_banned(&device, after(121)));
        assert!(!list.is_banned(&device, after(122)));
        assert!(!list.is_banned(&DeviceId([2; 32]), after(62)));
        list.sweep(after(130));
        assert!(list.0.is_empty());
    }

    #[test]
    fn the_list_is_bounded() {
        let mut list = Offenders::default();
        for n in 0..2_000_u16 {
            let mut device = DeviceId([0; 32]);
            device.0[..2].copy_from_slice(&n.to_be_bytes());
            list.strike(device, Instant::now());
        }
        assert_eq!(list.0.len(), MAX_OFFENDERS);
    }
}
