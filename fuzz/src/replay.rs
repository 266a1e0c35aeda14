//! Every input of the corpora, and a number of changes of each, on every `cargo test`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::{env, fs};

use crate::{TARGETS, Target};

/// How many changed inputs a target gets; `FUZZ_CHANGES` says otherwise.
const CHANGES: u64 = 400;
/// The longest input that is changed, in bytes: a long one takes long each time.
const CHANGED_MAX: usize = 4096;

#[test]
fn every_target_stands_what_it_was_given_before() {
    let changes = env::var("FUZZ_CHANGES").ok().and_then(|text| text.parse().ok());
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() >= 5, "the corpus of {name} has only {} inputs", inputs.len());
        inputs.iter().for_each(|input| run(name, target, input));
        let short: Vec<&Vec<u8>> =
            inputs.iter().filter(|input| input.len() <= CHANGED_MAX).collect();
        let mut dice = Dice(name.len() as u64);
        let count = changes.unwrap_or(CHANGES);
        for _ in 0..count {
            let one = short[dice.below(short.len())];
            let other = short[dice.below(short.len())];
            run(name, target, &changed(one, other, &mut dice));
        }
        println!("{name}: {} inputs of the corpus and {count} changes of them", inputs.len());
    }
}

#[test]
fn every_corpus_has_a_target_and_every_target_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .map(|name| name.trim_end_matches(".rs").to_owned())
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    targets.sort_unstable();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
}

/// The inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a target; an input that it does not stand is shown.
fn run(name: &str, target: Target, input: &[u8]) {
    if let Err(finding) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        println!("{name} does not stand:\n{}", input.escape_ascii());
        resume_unwind(finding);
    }
}

/// Random numbers that a seed decides: SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % sides.max(1)
    }
}

/// One to four small changes: bytes changed, cut out, said twice, or taken from another input.
fn changed(one: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    const BYTES: &[u8] = b"{}[]()\"'=:,.-_@$%|#&*!?\\/<> \t\n\r\0\x7f\xff\xc3019aAzZ";
    let mut bytes = one.to_vec();
    for _ in 0..=dice.below(4) {
        let start = dice.below(bytes.len() + 1);
        let end = (start + dice.below(24)).min(bytes.len());
        match dice.below(5) {
            0 if start < bytes.len() => bytes[start] = BYTES[dice.below(BYTES.len())],
            1 => bytes.insert(start, BYTES[dice.below(BYTES.len())]),
            2 => drop(bytes.drain(start..end)),
            3 => {
                let again = bytes[start..end].to_vec();
                bytes.splice(end..end, again);
            }
            _ => {
                let from = dice.below(other.len() + 1);
                let part = &other[from..(from + dice.below(64)).min(other.len())];
                bytes.splice(start..end, part.iter().copied());
            }
        }
    }
    bytes
}
