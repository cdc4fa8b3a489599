//! Numbers that look random and follow from a seed alone, on every machine and in every version.

/// SplitMix64: one 64-bit state, every seed as good as another.
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The sequence of `seed` for one of its users, independent of its other users.
    pub fn of(seed: u64, user: &str) -> Self {
        let mut random = Self::new(seed);
        for byte in user.bytes() {
            random.state = random.bits() ^ u64::from(byte);
        }
        Self::new(random.bits())
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of the product: its bias, end / 2^64, is beyond any test's notice.
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `first` to `last`, both included.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// Whether an event of this probability (0 to 1) happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.bits() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    /// One of `items`, which are not empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Fills `bytes`: what [`shared`] takes where it needs randomness.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn users_of_one_seed_do_not_see_each_other() {
        let sequence = |seed, user| (0..4).map(move |_| Random::of(seed, user).bits()).collect::<Vec<_>>();
        assert_eq!(sequence(7, "V01"), sequence(7, "V01"));
        assert_ne!(sequence(7, "V01"), sequence(7, "V02"));
        assert_ne!(sequence(7, "V01"), sequence(8, "V01"));
    }

    #[test]
    fn chances_and_bounds_hold() {
        let mut random = Random::new(5);
        assert!((0..1_000).all(|_| !random.chance(0.0) && random.chance(1.0)));
        let hits = (0..100_000).filter(|_| random.chance(0.02)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert_eq!(random.below(0), 0);
    }
}
