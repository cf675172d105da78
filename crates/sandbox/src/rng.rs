//! A small seeded generator (splitmix64), so that a seed reproduces a run. It never reads the system's
//! randomness and must not be used for secrets. Enter at [`Rng::new`].

use chrono::TimeDelta;

/// The generator's whole state.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }

    /// True in `per_mille` of a thousand cases; draws nothing if the rate is 0.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }

    /// A span from 0 up to and including `most`, in whole seconds.
    pub fn span(&mut self, most: TimeDelta) -> TimeDelta {
        let seconds = u64::try_from(most.num_seconds()).unwrap_or(0);
        TimeDelta::seconds(i64::try_from(self.below(seconds + 1)).unwrap_or(0))
    }

    /// Lower-case hex of some length.
    pub fn hex(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            text.push_str(&format!("{:016x}", self.draw()));
        }
        text.truncate(length);
        text
    }
}
