//! What happens in a play, all of it decided by a seed.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use provision::broker::Catalog;
use provision::config::Desired;
use serde_json::{Map, Value};

use super::Dice;
use super::project::{FINDABLE, Flavor, Project, TAME, histories};
use super::provider::Provider;
use super::scene::catalog;

/// A history of configs, and what goes wrong in each of its rounds.
pub struct Plot {
    pub seed: u64,
    pub rounds: Vec<Round>,
}

/// One `prov apply`.
pub struct Round {
    pub config: Map<String, Value>,
    pub desired: Desired,
    /// How many of a hundred calls fail.
    pub faults: u64,
    /// How many bytes still fit on the disk.
    pub room: Option<usize>,
    /// After how many milliseconds somebody else starts an apply, too.
    pub rival: Option<u64>,
}

impl Plot {
    /// The plot of a seed. Of eight, one has services that cannot be asked what became of a creation.
    pub fn of(seed: u64) -> Self {
        Self::with(seed, if seed % 8 == 5 { TAME } else { FINDABLE })
    }

    /// The plot of a seed with configs of a flavor.
    pub fn with(seed: u64, flavor: Flavor) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, rng);
        let projects = histories(flavor, 4).new_tree(&mut runner).unwrap().current();
        let mut dice = Dice::new(seed);
        let catalog = catalog(&Provider::new(seed));
        let round = |project: Project| Round::of(&project, &catalog, &mut dice);
        let rounds = projects.into_iter().map(round).collect();
        Self { seed, rounds }
    }
}

impl Round {
    fn of(project: &Project, catalog: &Catalog, dice: &mut Dice) -> Self {
        let faults = match dice.roll(3) {
            0 => 0,
            _ => dice.roll(50),
        };
        let room = (dice.roll(6) == 0).then(|| dice.roll(12_000) as usize);
        let rival = (dice.roll(4) == 0).then(|| dice.roll(3_000));
        let desired = project.desired(catalog);
        Self { config: project.config(), desired, faults, room, rival }
    }
}
