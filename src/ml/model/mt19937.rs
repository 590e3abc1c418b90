//! The Mersenne Twister with the seeding and the doubles of numpy's legacy generator.
//!
//! Only for repeating jobs that drew their first weights with `numpy.random.seed(n)` and
//! `numpy.random.uniform(low, high, shape)`; everything else draws from [`crate::seed`].
//! Generator: Matsumoto and Nishimura, "Mersenne Twister: A 623-dimensionally equidistributed
//! uniform pseudorandom number generator", 1998; seeding by one number as in their version of 2002.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The generator MT19937.
pub(super) struct Mt19937 {
    state: [u32; SIZE],
    next: usize,
}

impl Mt19937 {
    /// As `numpy.random.seed(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; SIZE];
        for place in 1..SIZE {
            let before = state[place - 1];
            let mixed = before ^ (before >> 30);
            state[place] = mixed.wrapping_mul(1_812_433_253).wrapping_add(place as u32);
        }
        Mt19937 { state, next: SIZE }
    }

    /// As one element of `numpy.random.uniform(low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// As `numpy.random.random_sample()`: 53 bits of two numbers, in [0, 1).
    fn unit(&mut self) -> f64 {
        let upper = f64::from(self.bits() >> 5);
        let lower = f64::from(self.bits() >> 6);
        (upper * 67_108_864.0 + lower) / 9_007_199_254_740_992.0
    }

    /// The next 32 bits.
    fn bits(&mut self) -> u32 {
        if self.next == SIZE {
            self.twist();
        }
        let mut bits = self.state[self.next];
        self.next += 1;
        bits ^= bits >> 11;
        bits ^= (bits << 7) & 0x9d2c_5680;
        bits ^= (bits << 15) & 0xefc6_0000;
        bits ^ (bits >> 18)
    }

    fn twist(&mut self) {
        for place in 0..SIZE {
            let upper = self.state[place] & 0x8000_0000;
            let joined = upper | (self.state[(place + 1) % SIZE] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[place] = self.state[(place + SHIFT) % SIZE] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ten_thousandth_number() {
        // The C++ standard requires this of `std::mt19937`, whose default seed is 5489.
        let mut generator = Mt19937::new(5_489);
        let last = (0..10_000).map(|_| generator.bits()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn numpy_gives_the_same_doubles() {
        // numpy.random.seed(1); numpy.random.random_sample(3)
        let mut generator = Mt19937::new(1);
        let first = [generator.unit(), generator.unit(), generator.unit()];
        assert_eq!(
            first,
            [
                0.417022004702574,
                0.7203244934421581,
                0.00011437481734488664
            ]
        );
        // numpy.random.seed(1); numpy.random.uniform(-0.01, 0.01, 2)
        let mut generator = Mt19937::new(1);
        let first = [
            generator.uniform(-0.01, 0.01),
            generator.uniform(-0.01, 0.01),
        ];
        assert_eq!(first, [-0.0016595599059485207, 0.004406489868843162]);
    }
}
