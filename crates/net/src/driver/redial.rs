//! Whom to dial and when: wanted devices and seeds, with exponential backoff and full jitter.
//!
//! Pure: the time and the random numbers are handed in. What must hold: at most one dial plan is
//! under way for a target unless something new was learned about it, and while a target is
//! connected nothing is planned for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anser_proto::DeviceId;
use libp2p::Multiaddr;

/// The first pause is a random part of this.
const SHORTEST: Duration = Duration::from_millis(500);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(60);
/// No pause is shorter, or a refusing host would be dialed in a tight loop.
const FLOOR: Duration = Duration::from_millis(100);
/// A connection that lasted this long was a success; a shorter one counts as a failure.
const LASTING: Duration = Duration::from_secs(5);
/// The other transport is tried when the preferred one has not connected after this long.
pub(crate) const HEAD_START: Duration = Duration::from_millis(250);

/// Something to keep connected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A device that is wanted.
    Device(DeviceId),
    /// A seed address, until it has answered once.
    Seed(usize),
}

/// What is due for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Dial it, preferred transport first.
    Dial,
    /// Dial these addresses as well.
    Alternative(Vec<Multiaddr>),
}

#[derive(Default)]
struct Course {
    attempts: u32,
    dialing: usize,
    connected: bool,
    alternative: Option<Vec<Multiaddr>>,
    at: Option<Instant>,
}

/// The dialing plan.
#[derive(Default)]
pub(crate) struct Redial {
    courses: BTreeMap<Target, Course>,
    due: BTreeSet<(Instant, Target)>,
}

impl Redial {
    pub(crate) fn is_wanted(&self, device: &DeviceId) -> bool {
        self.courses.contains_key(&Target::Device(*device))
    }

    pub(crate) fn wanted(&self) -> usize {
        self.courses.keys().filter(|t| matches!(t, Target::Device(_))).count()
    }

    /// When [`Redial::next`] will have something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn schedule(&mut self, target: &Target, at: Option<Instant>) {
        let Some(course) = self.courses.get_mut(target) else { return };
        if let Some(old) = course.at.take() {
            self.due.remove(&(old, target.clone()));
        }
        course.at = at;
        if let Some(at) = at {
            self.due.insert((at, target.clone()));
        }
    }

    /// Adds a target and dials it now unless it is connected.
    pub(crate) fn want(&mut self, target: Target, connected: bool, now: Instant) {
        self.courses.entry(target.clone()).or_default().connected = connected;
        if !connected {
            self.renew(&target, now);
        }
    }

    pub(crate) fn unwant(&mut self, target: &Target) {
        self.schedule(target, None);
        self.courses.remove(target);
    }

    /// Something new is known: dial now, and count attempts from the beginning.
    pub(crate) fn renew(&mut self, target: &Target, now: Instant) {
        let Some(course) = self.courses.get_mut(target) else { return };
        course.attempts = 0;
        course.alternative = None;
        if !course.connected {
            // A dial under way may be about to succeed; a second one would double the connection.
            let at = if course.dialing > 0 { now + HEAD_START } else { now };
            self.schedule(target, Some(at));
        }
    }

    /// The network changed: everything that is not connected is dialed again, spread over
    /// `spread` by the random numbers.
    pub(crate) fn renew_all(
        &mut self,
        now: Instant,
        spread: Duration,
        mut random: impl FnMut() -> u64,
    ) {
        let targets: Vec<_> = self.courses.keys().cloned().collect();
        for target in targets {
            self.renew(&target, now + part(spread, random()));
        }
    }

    /// The next thing that is due.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(Target, Due)> {
        let (at, target) = self.due.first().cloned()?;
        if at > now {
            return None;
        }
        self.schedule(&target, None);
        let course = self.courses.get_mut(&target)?;
        if course.connected {
            return self.next(now);
        }
        let due = course.alternative.take().map_or(Due::Dial, Due::Alternative);
        Some((target, due))
    }

    /// A dial was begun; `alternative` follows after the head start.
    pub(crate) fn dialed(&mut self, target: &Target, alternative: Vec<Multiaddr>, now: Instant) {
        let Some(course) = self.courses.get_mut(target) else { return };
        course.dialing = course.dialing.saturating_add(1);
        if !alternative.is_empty() {
            course.alternative = Some(alternative);
            self.schedule(target, Some(now + HEAD_START));
        }
    }

    /// A dial failed, or there was nothing to dial (`begun` false). When nothing else is under
    /// way, returns the pause until the next attempt.
    pub(crate) fn failed(
        &mut self,
        target: &Target,
        begun: bool,
        now: Instant,
        random: u64,
    ) -> Option<Duration> {
        let course = self.courses.get_mut(target)?;
        if begun {
            course.dialing = course.dialing.saturating_sub(1);
        }
        if course.connected || course.dialing > 0 {
            return None;
        }
        if course.alternative.is_some() {
            // No use in waiting out the head start.
            self.schedule(target, Some(now));
            return None;
        }
        if course.at.is_some() {
            return None;
        }
        Some(self.back_off(target, now, random))
    }

    fn back_off(&mut self, target: &Target, now: Instant, random: u64) -> Duration {
        let Some(course) = self.courses.get_mut(target) else { return LONGEST };
        let factor = 2_u32.saturating_pow(course.attempts.min(10));
        let ceiling = SHORTEST.saturating_mul(factor).min(LONGEST);
        course.attempts = course.attempts.saturating_add(1);
        let pause = part(ceiling, random).max(FLOOR);
        self.schedule(target, Some(now + pause));
        pause
    }

    /// A dial of this target ended in a connection.
    pub(crate) fn dial_succeeded(&mut self, target: &Target) {
        if let Some(course) = self.courses.get_mut(target) {
            course.dialing = course.dialing.saturating_sub(1);
        }
    }

    /// The device is connected, by whomever.
    pub(crate) fn connected(&mut self, target: &Target) {
        self.schedule(target, None);
        if let Some(course) = self.courses.get_mut(target) {
            course.connected = true;
            course.alternative = None;
        }
    }

    /// The device was connected for `lasted` and is no more.
    pub(crate) fn disconnected(
        &mut self,
        target: &Target,
        lasted: Duration,
        now: Instant,
        random: u64,
    ) {
        let Some(course) = self.courses.get_mut(target) else { return };
        course.connected = false;
        if lasted >= LASTING {
            course.attempts = 0;
            // Both sides come back at once; a little jitter spares most double connections.
            self.schedule(target, Some(now + part(FLOOR, random)));
        } else {
            self.back_off(target, now, random);
        }
    }
}

/// A random part of a duration.
fn part(whole: Duration, random: u64) -> Duration {
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(random.checked_rem(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Target = Target::Seed(0);

    #[test]
    fn pauses_grow_to_a_minute_and_news_resets_them() {
        let now = Instant::now();
        let mut redial = Redial::default();
        redial.want(DEVICE, false, now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let at = redial.deadline().unwrap();
            assert_eq!(redial.next(at), Some((DEVICE, Due::Dial)));
            redial.dialed(&DEVICE, Vec::new(), at);
            // The largest remainder of every ceiling that occurs.
            let ceiling = SHORTEST.saturating_mul(1 << pauses.len().min(7)).min(LONGEST);
            let random = u64::try_from(ceiling.as_micros()).unwrap() - 1;
            pauses.push(redial.failed(&DEVICE, true, at, random).unwrap());
        }
        assert!(pauses[0] < SHORTEST && pauses[0] > Duration::from_millis(490));
        assert!(pauses.windows(2).all(|w| w[1] >= w[0]));
        assert!(pauses[11] <= LONGEST && pauses[11] > Duration::from_secs(59));
        redial.renew(&DEVICE, now);
        assert_eq!(redial.deadline(), Some(now));
        assert_eq!(redial.next(now), Some((DEVICE, Due::Dial)));
        assert!(redial.failed(&DEVICE, false, now, 400_000).unwrap() < SHORTEST);
    }

    #[test]
    fn the_alternative_follows_the_head_start_or_a_failure() {
        let now = Instant::now();
        let other: Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        let mut redial = Redial::default();
        redial.want(DEVICE, false, now);
        redial.next(now).unwrap();
        redial.dialed(&DEVICE, vec![other.clone()], now);
        assert_eq!(redial.next(now), None);
        assert_eq!(redial.failed(&DEVICE, true, now, 0), None);
        assert_eq!(redial.next(now), Some((DEVICE, Due::Alternative(vec![other]))));
    }

    #[test]
    fn nothing_is_planned_while_connected() {
        let now = Instant::now();
        let mut redial = Redial::default();
        redial.want(DEVICE, false, now);
        redial.connected(&DEVICE);
        redial.renew(&DEVICE, now);
        assert_eq!(redial.next(now + LONGEST), None);
        redial.disconnected(&DEVICE, LASTING, now, 0);
        assert_eq!(redial.next(now), Some((DEVICE, Due::Dial)));
    }
}
