//! Safety numbers: 60 digits that two people compare aloud.

use anser_proto::AccountId;

/// The number of two accounts; the same from both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber(String);

/// Hashing rounds: finding accounts whose digits match costs this factor more.
const ROUNDS: usize = 5_200;

impl SafetyNumber {
    /// The number of `a` and `b`: 30 digits for each account (100 bits), the lower account first.
    pub fn of(a: &AccountId, b: &AccountId) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Self(format!("{}{}", digits(low), digits(high)))
    }

    /// Twelve groups of five digits.
    pub fn grouped(&self) -> String {
        let mut text = String::with_capacity(72);
        for (at, digit) in self.0.chars().enumerate() {
            if at > 0 && at % 5 == 0 {
                text.push(' ');
            }
            text.push(digit);
        }
        text
    }

    /// Whether a person entered this number; anything but digits is ignored.
    pub fn matches(&self, entered: &str) -> bool {
        self.0.chars().eq(entered.chars().filter(char::is_ascii_digit))
    }
}

fn digits(account: &AccountId) -> String {
    let mut state = *account.as_bytes();
    for _ in 0..ROUNDS {
        let mut hash = blake3::Hasher::new_derive_key("anser 2026 safety number v1");
        hash.update(&state).update(account.as_bytes());
        state = *hash.finalize().as_bytes();
    }
    state
        .as_chunks::<5>()
        .0
        .iter()
        .map(|chunk| {
            let number = chunk.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte));
            format!("{:05}", number % 100_000)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_from_both_ends_and_different_for_others() {
        let (a, b, c) = (AccountId([1; 32]), AccountId([2; 32]), AccountId([3; 32]));
        let number = SafetyNumber::of(&a, &b);
        assert_eq!(number, SafetyNumber::of(&b, &a));
        assert_ne!(number, SafetyNumber::of(&a, &c));
        assert_eq!(number.grouped().len(), 71);
        assert!(number.matches(&number.grouped()));
        assert!(!number.matches(&number.grouped()[1..]));
        assert!(!number.matches(""));
    }
}
