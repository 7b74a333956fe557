use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random numbers of which stream `stream` of `seed` gives always the same ones.
///
/// The distributions are here and not those of the rand crate, which may change with its version: a
/// seed is to give the same data for ever.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        Random(generator)
    }

    /// Uniform in `0..bound`, without bias (Lemire, *Fast Random Integer Generation in an Interval*,
    /// 2019): the upper half of a product is uniform once the few surplus lower halves are rejected.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let surplus = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(bound);
            if product as u32 >= surplus {
                return (product >> 32) as u32;
            }
        }
    }

    /// Around `mean`, at most `spread` away, near ones more likely: the mean of three uniform numbers.
    pub(crate) fn around(&mut self, mean: f32, spread: f32) -> f32 {
        // 24 bits are what an f32 can hold exactly; the sum of three is scaled to -1 to 1.
        let sum: f32 = (0..3).map(|_| (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32).sum();
        mean + spread * (sum / 1.5 - 1.0)
    }

    /// One of all orders of `0..length`, each as likely (Fisher and Yates).
    pub(crate) fn permutation(&mut self, length: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..length).collect();
        for last in (1..length).rev() {
            order.swap(last as usize, self.below(last + 1) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_these_numbers_for_ever() {
        let mut random = Random::new(7, 3);
        let drawn: Vec<u32> = (0..6).map(|_| random.below(1000)).collect();
        assert_eq!(drawn, [674, 662, 674, 504, 785, 736]);
        assert_eq!(Random::new(7, 3).permutation(8), [1, 0, 7, 3, 2, 6, 4, 5]);
        assert_ne!(Random::new(8, 3).permutation(8), Random::new(7, 3).permutation(8));
        assert_ne!(Random::new(7, 4).permutation(8), Random::new(7, 3).permutation(8));
    }

    #[test]
    fn numbers_lie_around_the_mean() {
        let mut random = Random::new(3, 0);
        let drawn: Vec<f32> = (0..10_000).map(|_| random.around(5.0, 2.0)).collect();
        assert!(drawn.iter().all(|value| (3.0..=7.0).contains(value)));
        let mean = drawn.iter().sum::<f32>() / 10_000.0;
        // The standard deviation of one is 2/3, so this is five of the mean's.
        assert!((mean - 5.0).abs() < 0.035, "{mean}");
    }

    #[test]
    fn all_permutations_are_about_as_likely() {
        let mut counts = std::collections::HashMap::new();
        let mut random = Random::new(1, 0);
        for _ in 0..24_000 {
            *counts.entry(random.permutation(4)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        // Five standard deviations of a binomial count around 1000.
        assert!(counts.values().all(|&count: &i32| (count - 1000).abs() < 155), "{counts:?}");
    }
}
