//! What was typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::terminal::ColorWhen;

/// Declare the services an app needs in one file; plan, apply, check and migrate them.
#[derive(Debug, Parser)]
#[command(name = "prov", version, about, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 error · 2 changes · 3 partly failed · 5 refused or \
    a decision is needed · 10 locked · 12 stale plan · 13 damaged · 64 usage · 130 interrupted"
)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The config: a TOML, YAML or JSON file, or `-` for JSON on standard input
    #[arg(short, long, global = true, value_name = "FILE", env = "PROV_CONFIG")]
    pub config: Option<PathBuf>,
    /// The stage (environment)
    #[arg(short, long, global = true, value_name = "NAME", env = "PROV_STAGE")]
    pub stage: Option<String>,
    /// The journal, instead of `.prov/<stage>.journal.json`
    #[arg(long, global = true, value_name = "FILE", env = "PROV_JOURNAL")]
    pub journal: Option<PathBuf>,
    /// The folder of migrations
    #[arg(long, global = true, value_name = "DIR", default_value = "provision")]
    pub migrations: PathBuf,
    /// Set a variable of the config, e.g. `--var size=s`; may be repeated
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Allow paths and links to lead out of the project's folder
    #[arg(long, global = true)]
    pub allow_outside: bool,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub color: ColorWhen,
    /// The same as `--color never`
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Say more about what happens; three times for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a config that applies as it stands
    Init(commands::init::Args),
    /// Check the config and say everything that is wrong with it
    Validate(commands::validate::Args),
    /// Show what would change
    #[command(visible_aliases = ["diff", "preview"])]
    Plan(commands::plan::Args),
    /// Make it so
    #[command(visible_aliases = ["push", "up", "deploy"])]
    Apply(commands::apply::Args),
    /// Exit with 2 when the journal is not what the config declares (for CI)
    Check(commands::check::Args),
    /// Write the next migration from the config
    Generate(commands::generate::Args),
    /// Apply the migrations that this stage has not applied yet
    Migrate(commands::migrate::Args),
    /// List what the journal believes is live
    Status(commands::status::Args),
    /// Show one instance
    Show(commands::show::Args),
    /// Compare the journal with what is live
    Pull(commands::pull::Args),
    /// Take over an object that exists already
    Import(commands::import::Args),
    /// Take everything down; shows what would go, `--yes` does it
    #[command(visible_aliases = ["destroy", "remove"])]
    Teardown(commands::teardown::Args),
    /// Go back to an earlier snapshot
    Rollback(commands::rollback::Args),
    /// Print outputs
    Output(commands::output::Args),
    /// Print the bound variables
    Env(commands::env::Args),
    /// Start a command with the bound variables
    Run(commands::run::Args),
    /// Print the graph of references
    Graph(commands::graph::Args),
    /// List every service that can be declared
    Brokers(commands::brokers::Args),
    /// Look at, copy, check and try one broker
    #[command(subcommand)]
    Broker(commands::broker::Command),
    /// Print the JSON Schema of the config
    Schema(commands::schema::Args),
    /// Seal secrets for those who may read them now
    #[command(subcommand)]
    Secret(commands::secret::Command),
    /// Look into the journal and mend it
    #[command(subcommand)]
    State(commands::state::Command),
    /// Store the credentials of providers, sealed
    #[command(subcommand)]
    Auth(commands::auth::Command),
    /// Look whether everything is as it has to be, and say how to mend what is not
    Doctor(commands::doctor::Args),
    /// Say who holds the lock, and how to come by it
    #[command(visible_alias = "force-unlock")]
    Unlock(commands::unlock::Args),
    /// Print a completion script
    Completions(commands::completions::Args),
    /// Print the manual page
    Man(commands::man::Args),
    /// Print the version
    Version(commands::version::Args),
}

/// How a command that writes treats the lock and the stage.
#[derive(Args, Clone, Debug)]
pub struct Writing {
    /// Wait this many seconds for the lock
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub lock_timeout: u64,
    /// How many steps may run at once
    #[arg(
        short, long, value_name = "N", default_value_t = 16, env = "PROV_PARALLELISM",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024)
    )]
    pub parallelism: usize,
}

/// Whether what is not declared goes.
#[derive(Args, Clone, Copy, Debug)]
pub struct Pruning {
    /// Destroy what is in the journal and not in the config
    #[arg(long, overrides_with = "no_prune")]
    prune: bool,
    /// Keep it, even if the config says `prune = true`
    #[arg(long)]
    no_prune: bool,
}

impl Pruning {
    /// The flag wins over the config.
    pub fn resolve(self, configured: bool) -> bool {
        if self.no_prune { false } else { self.prune || configured }
    }
}
