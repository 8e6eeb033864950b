//! How often somebody may do something: a burst, then a rate.

/// A token bucket over a clock that the caller reads.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    burst: u32,
    per_s: u32,
    /// Thousandths of a token.
    level: u64,
    at_ms: u64,
}

impl Quota {
    /// Full: `burst` at once, then `per_s` a second.
    pub fn new(burst: u32, per_s: u32, now_ms: u64) -> Self {
        Self { burst, per_s, level: u64::from(burst).saturating_mul(1_000), at_ms: now_ms }
    }

    /// Takes one.
    ///
    /// # Errors
    /// After how many milliseconds there will be one; nothing was taken.
    pub fn take(&mut self, now_ms: u64) -> Result<(), u64> {
        let passed = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        let gained = passed.saturating_mul(u64::from(self.per_s));
        let full = u64::from(self.burst).saturating_mul(1_000);
        self.level = self.level.saturating_add(gained).min(full);
        match self.level.checked_sub(1_000) {
            Some(left) => {
                self.level = left;
                Ok(())
            }
            None => {
                let lacking = 1_000_u64.saturating_sub(self.level);
                Err(lacking.div_ceil(u64::from(self.per_s.max(1))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut quota = Quota::new(60, 2, 5_000);
        assert!((0..60).all(|_| quota.take(5_000).is_ok()));
        assert_eq!(quota.take(5_000), Err(500));
        assert_eq!(quota.take(5_499), Err(1));
        assert_eq!(quota.take(5_500), Ok(()));
        assert_eq!(quota.take(5_500), Err(500));
        // A clock that goes backwards gives nothing away.
        assert_eq!(quota.take(1_000), Err(500));
        assert!((0..60).all(|_| quota.take(1_000_000).is_ok()));
        assert!(quota.take(1_000_000).is_err());
    }
}
