//! The engine in a simulated world: random configs, a provider that misbehaves, a disk that loses what
//! was not synced, and processes that end before any effect they could have. A seed decides everything.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what cannot go on has failed"
)]
#![expect(missing_docs, reason = "part of the tests: names of fields say what they hold")]

mod apply;
pub mod check;
mod cloud;
pub mod disk;
pub mod explore;
mod faults;
pub mod fuse;
pub mod journal;
pub mod lease;
pub mod planted;
pub mod plot;
pub mod project;
pub mod provider;
pub mod scene;
pub mod services;
pub mod stand_in;
pub mod story;
pub mod universe;
pub mod world;

pub use faults::Removals;

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
