//! Simulates for as long as somebody wants.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to whoever runs it")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use prov_sim::explore::{Report, explore, quietly};
use prov_sim::fuse::Trace;
use prov_sim::planted::Planted;
use prov_sim::plot::{Plot, Round};
use prov_sim::story::{Crash, tell};

/// Most of the time goes into small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Plays seeds, each with a crash before every effect it has.
#[derive(Parser)]
struct Args {
    /// How long
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Stop at this many crashes already
    #[arg(long)]
    crashes: Option<u64>,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Play only this crash of the seed, in words; 0 for none, two more for the recovery: `17,3,5`
    #[arg(long, value_delimiter = ',')]
    crash: Vec<u64>,
    /// How many threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Stop at this many violations
    #[arg(long, default_value_t = 1)]
    violations: usize,
    /// Plant a mistake: `no-sync`, `no-rename` or `blind-retry`
    #[arg(long, value_parser = planted)]
    planted: Option<Planted>,
}

fn planted(text: &str) -> Result<Planted, String> {
    match text {
        "no-sync" => Ok(Planted::NoSync),
        "no-rename" => Ok(Planted::NoRename),
        "blind-retry" => Ok(Planted::BlindRetry),
        _ => Err("it is `no-sync`, `no-rename` or `blind-retry`".to_owned()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let planted = args.planted.unwrap_or_default();
    quietly();
    if let [at, again @ ..] = args.crash.as_slice() {
        return show(args.seed, (*at, again), planted);
    }
    let report = simulate(&args, planted);
    println!("{report}");
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays one crash and tells it in words.
fn show(seed: u64, (at, again): (u64, &[u64]), planted: Planted) -> ExitCode {
    let some = |number: u64| Some(number).filter(|number| *number > 0);
    let later = |index: usize| again.get(index).copied().and_then(some);
    let crash = Crash { at: some(at), again: [later(0), later(1)] };
    let plot = Plot::of(seed);
    for Round { config, faults, room, rival, .. } in &plot.rounds {
        println!("faults {faults} %, room {room:?}, rival after {rival:?} ms");
        println!("{:#}\n", serde_json::Value::Object(config.clone()));
    }
    let trace = Trace::told();
    let told = tell(&plot, crash, planted, trace.clone());
    println!("{}\n", trace.lines().join("\n"));
    match told.violation {
        Some(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn simulate(args: &Args, planted: Planted) -> Report {
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(args.minutes * 60.0);
    let next = AtomicU64::new(args.seed);
    let total = Mutex::new(Report::default());
    let told = AtomicU64::new(0);
    let is_enough = || {
        let total = total.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever stops it knows what it did until then.
        let minute = begun.elapsed().as_secs() / 60;
        if told.swap(minute, Ordering::Relaxed) < minute {
            eprintln!(
                "{minute} min: {} crashes, {} violations",
                total.crashes,
                total.violations.len()
            );
        }
        let crashes = args.crashes.is_some_and(|crashes| total.crashes >= crashes);
        crashes || total.violations.len() >= args.violations || Instant::now() >= end
    };
    std::thread::scope(|scope| {
        for _ in 0..args.threads {
            scope.spawn(|| {
                while !is_enough() {
                    let report = explore(next.fetch_add(1, Ordering::Relaxed), planted);
                    report.violations.iter().for_each(|violation| println!("{violation}\n"));
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(report);
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}
