//! One file a command: what it takes and the lines that call the engine.

pub mod apply;
pub mod auth;
pub mod broker;
pub mod brokers;
pub mod check;
pub mod completions;
pub mod doctor;
pub mod env;
pub mod generate;
pub mod graph;
pub mod import;
pub mod init;
pub mod man;
pub mod migrate;
pub mod output;
pub mod plan;
pub mod pull;
pub mod repair;
pub mod rollback;
pub mod run;
pub mod schema;
pub mod secret;
pub mod show;
pub mod state;
pub mod status;
pub mod teardown;
pub mod unlock;
pub mod validate;
pub mod version;

use std::process::ExitCode;

use crate::cli::Command;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What a command answers.
pub type Answer = Result<Exit, Failure>;

/// Runs the command that was typed.
///
/// # Errors
/// Why it could not be done.
pub async fn dispatch(context: &mut Context, command: Command) -> Result<ExitCode, Failure> {
    let exit = match command {
        Command::Init(args) => init::run(context, &args),
        Command::Validate(args) => validate::run(context, &args),
        Command::Plan(args) => plan::run(context, args).await,
        Command::Apply(args) => apply::run(context, &args).await,
        Command::Check(args) => check::run(context, args).await,
        Command::Generate(args) => generate::run(context, &args),
        Command::Migrate(args) => migrate::run(context, &args).await,
        Command::Status(args) => status::run(context, &args).await,
        Command::Show(args) => show::run(context, &args).await,
        Command::Pull(args) => pull::run(context, &args).await,
        Command::Import(args) => import::run(context, &args).await,
        Command::Teardown(args) => teardown::run(context, &args).await,
        Command::Rollback(args) => rollback::run(context, &args).await,
        Command::Output(args) => output::run(context, &args).await,
        Command::Env(args) => env::run(context, &args).await,
        Command::Run(args) => return run::run(context, &args).await,
        Command::Graph(args) => graph::run(context, &args),
        Command::Brokers(args) => brokers::run(context, &args),
        Command::Broker(command) => broker::run(context, command).await,
        Command::Schema(args) => schema::run(context, &args),
        Command::Secret(command) => secret::run(context, command).await,
        Command::State(command) => state::run(context, command).await,
        Command::Auth(command) => auth::run(context, command).await,
        Command::Doctor(args) => doctor::run(context, &args).await,
        Command::Unlock(args) => unlock::run(context, &args).await,
        Command::Completions(args) => completions::run(context, &args),
        Command::Man(args) => man::run(context, &args),
        Command::Version(args) => version::run(context, &args),
    };
    exit.map(ExitCode::from)
}
