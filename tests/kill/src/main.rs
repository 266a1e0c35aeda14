//! Kills prov at random moments and looks at what is left: `cargo run -p prov-kill -- --help`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what cannot go on has failed"
)]

mod ask;
mod check;
mod cloud;
mod cuts;
mod emulate;
mod items;
mod kills;
mod lane;
mod moment;
#[path = "../../counterparts/part.rs"]
#[expect(dead_code, reason = "not all of the counterparts are for killing")]
mod part;
mod process;
mod tally;
mod terraform;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;

#[derive(Parser)]
#[command(about)]
struct Cli {
    /// How many runs are killed
    #[arg(long, default_value_t = 300)]
    kills: usize,
    /// The seed of the first project; each further project has the next one
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many projects are lived at once
    #[arg(long, default_value_t = 2)]
    lanes: usize,
    /// The program, instead of the one that is built beside this one
    #[arg(long)]
    prov: Option<PathBuf>,
    /// What is killed
    #[arg(long, value_enum, default_value_t = Tool::Prov)]
    tool: Tool,
    /// How many things Terraform makes beside those that are looked at
    #[arg(long, default_value_t = 1000)]
    others: usize,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Tool {
    Prov,
    Terraform,
}

#[derive(clap::Subcommand)]
enum Part {
    /// A part of the harness: serves the providers of these services
    #[command(hide = true)]
    Cloud { services: Vec<String> },
    /// Kills prov at a server that nobody here wrote, behind a proxy that loses answers
    Emulate,
    /// Cuts the log of a killed run, and a journal, at every byte
    Cuts {
        /// How many steps the run takes
        #[arg(long, default_value_t = 1000)]
        steps: usize,
        /// Read every cut with everything before it: takes hours for a long log
        #[arg(long)]
        whole: bool,
        /// After the ends of how many lines a plan is made
        #[arg(long, default_value_t = 10_000)]
        plans: usize,
        /// After how many cuts the program goes on
        #[arg(long, default_value_t = 20)]
        applies: usize,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Part::Cloud { services }) = &cli.part {
        cloud::serve(services);
        return ExitCode::SUCCESS;
    }
    if cli.tool == Tool::Terraform {
        terraform::kill(cli.kills, cli.others, cli.seed);
        return ExitCode::SUCCESS;
    }
    let given = cli.prov.unwrap_or_else(build);
    // One that is built anew meanwhile would be another program.
    let folder = tempfile::tempdir().unwrap();
    let prov = folder.path().join("prov");
    std::fs::copy(given, &prov).unwrap();
    if let Some(Part::Cuts { steps, whole, plans, applies }) = cli.part {
        let order = cuts::Order { prov, steps, is_whole: whole, plans, applies, seed: cli.seed };
        return ended(cuts::cut(&order).is_empty());
    }
    if let Some(Part::Emulate) = &cli.part {
        let Some(tally) = emulate::kill(&prov, cli.kills, cli.seed) else {
            return ExitCode::SUCCESS;
        };
        say(&tally.to_string());
        return ended(tally.failures.is_empty());
    }
    let Cli { kills, seed, lanes, .. } = cli;
    let order = kills::Order { prov, kills, seed, lanes };
    let tally = kills::kill(&order);
    say(&tally.to_string());
    ended(tally.failures.is_empty())
}

fn ended(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Builds the program as this one was built.
fn build() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().unwrap();
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", "prov", "--bin", "prov"]);
        if folder.ends_with("release") {
            command.arg("--release");
        }
        assert!(command.status().unwrap().success(), "prov cannot be built");
    }
    folder.join("prov")
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "this is what it is for")]
pub fn say(line: &str) {
    println!("{line}");
}
