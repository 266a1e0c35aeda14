//! prov before parts that nobody here wrote: judges that know the providers' own descriptions, and
//! servers that behave as the providers do.
//!
//! What is needed is in a folder beside the repository, see [`part::Counterparts`]. What is missing is
//! said: no proof is left out in silence.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what cannot go on has failed")]
#![cfg(unix)]

use std::io::Write as _;

mod between;
mod clients;
mod cut;
mod drive;
mod example;
mod fakes;
mod front;
mod judge;
mod lives;
mod mutate;
mod part;
mod prism;
mod server;
mod wire;

/// Says a line, also where the harness keeps what tests print to itself.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Says which proof was not made, and why.
fn unproven(proof: &str, why: &str) {
    say(&format!("NOT PROVEN: {proof}: {why}"));
}
