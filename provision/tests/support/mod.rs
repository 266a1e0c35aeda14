//! The vocabulary of the laws: random configs and journals, a provider that lives in memory, and a
//! world in which time, ids and secrets are made up.

pub mod journal;
pub mod project;
pub mod provider;
pub mod scene;
pub mod services;
pub mod stand_in;
pub mod world;

/// Random numbers that a seed decides: SplitMix64, which is a few lines and good enough.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}
