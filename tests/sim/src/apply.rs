//! What `prov apply` does with the engine, without a terminal.

use provision::config::Desired;
use provision::observe;
use provision::plan::{self, Input, Options, Plan};
use provision::run::{self, Ended, RecordError, Settings, Silent};
use provision::state::Journal;
use provision::world::World;
use tokio::sync::Notify;

/// The plan toward `desired`, everything undeclared destroyed.
///
/// # Errors
/// What could not be found out.
pub async fn plan(world: &World, desired: &Desired, journal: &Journal) -> Result<Plan, String> {
    let findings = observe::gather(desired, journal, world).await;
    if let Some((reference, error)) = findings.errors.first() {
        return Err(format!("{reference}: {error}"));
    }
    let (found, contents) = (findings.found, findings.contents);
    let options = Options { prune: true, force: true, found, contents, ..Options::default() };
    let catalog = &world.catalog;
    let plan = plan::plan(Input { desired, journal, catalog, options: &options });
    assert!(plan.problems.is_empty(), "{:#?}", plan.problems);
    Ok(plan)
}

/// Runs a plan from `journal`.
///
/// # Errors
/// When it cannot be recorded.
pub async fn run(
    world: &World,
    (plan, desired): (&Plan, &Desired),
    journal: Journal,
    parallelism: usize,
) -> Result<Ended, RecordError> {
    let stop = Notify::new();
    let settings = Settings {
        run: world.ids.fresh(),
        command: "apply".to_owned(),
        parallelism,
        force: true,
        stop: &stop,
        observer: &Silent,
        env: &desired.env,
        ledger: None,
    };
    run::run(plan, Some(desired), journal, world, &settings).await
}
