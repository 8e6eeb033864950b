//! Times of the same thing done many times.

use std::time::Duration;

/// Sorted durations; at least one.
pub struct Samples(Vec<Duration>);

impl Samples {
    /// `None` of nothing.
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        (!times.is_empty()).then_some(Self(times))
    }

    /// The time that `share` of all are within (0 to 1), in milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        let time = self.0.get(rank.clamp(1, self.0.len()) - 1);
        time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    pub fn p50(&self) -> f64 {
        self.at(0.5)
    }

    pub fn p99(&self) -> f64 {
        self.at(0.99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = (1..=200).rev().map(Duration::from_millis).collect();
        let samples = Samples::of(times).unwrap();
        assert_eq!(samples.p50(), 100.0);
        assert_eq!(samples.p99(), 198.0);
        assert_eq!(samples.at(1.0), 200.0);
        assert_eq!(samples.at(0.0), 1.0);
        assert!(Samples::of(Vec::new()).is_none());
    }
}
