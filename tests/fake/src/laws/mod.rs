//! Laws that every manifest keeps, held against the provider that is made of it.

pub mod drift;
pub mod faults;
pub mod life;
pub mod secrets;
pub mod settling;

use crate::stage::{Stage, Verdict};

/// The laws, by number.
pub const LAWS: [(u8, &str); 14] = [
    (1, "looking changes nothing"),
    (2, "twice is once"),
    (3, "a lost answer loses nothing"),
    (4, "deleting ends with nothing"),
    (5, "edits are seen"),
    (6, "rates are kept"),
    (7, "failures are outlived"),
    (8, "hidden is not gone"),
    (9, "lists are read to the end"),
    (10, "secrets are kept"),
    (11, "updates arrive"),
    (12, "nothing foreign is taken over"),
    (13, "a stranger is not taken for ours"),
    (14, "what was begun is found as it was begun"),
];

/// Holds a manifest to the law of this number.
///
/// # Panics
/// When there is no such law.
pub async fn law(number: u8, stage: &Stage) -> Verdict {
    match number {
        1 => life::looking_changes_nothing(stage).await,
        2 => life::twice_is_once(stage).await,
        3 => life::a_lost_answer_loses_nothing(stage).await,
        4 => life::deleting_ends_with_nothing(stage).await,
        5 => drift::edits_are_seen(stage).await,
        6 => faults::rates_are_kept(stage).await,
        7 => faults::failures_are_outlived(stage).await,
        8 => faults::hidden_is_not_gone(stage).await,
        9 => faults::lists_are_read_to_the_end(stage).await,
        10 => secrets::secrets_are_kept(stage).await,
        11 => drift::updates_arrive(stage).await,
        12 => life::nothing_foreign_is_taken_over(stage).await,
        13 => settling::a_stranger_is_not_taken_for_ours(stage).await,
        14 => settling::what_was_begun_is_found(stage).await,
        _ => unreachable!("there is no such law"),
    }
}
