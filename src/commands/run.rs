//! `prov run`: a command with the bound variables in its environment.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::change::bound_variables;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `prov run` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The command and its arguments, after `--`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs it; the answer is the command's own exit code.
///
/// # Errors
/// When the command could not be started.
pub async fn run(context: &mut Context, args: &Args) -> Result<ExitCode, Failure> {
    let project = context.project_or_bare()?;
    let journal = project.load().await?.journal;
    let variables = bound_variables(&project, &journal, None)?;
    let (program, rest) = args
        .command
        .split_first()
        .ok_or_else(|| Failure::new(Exit::Usage, "usage", "There is no command after `--`."))?;
    let status = tokio::process::Command::new(program).args(rest).envs(variables).status().await;
    match status {
        Ok(status) => Ok(ExitCode::from(code_of(status))),
        Err(error) => {
            let name = program.to_string_lossy();
            let summary = format!("The command `{name}` could not be started: {error}.");
            Err(Failure::with_help(Exit::Error, "run", summary, "Check its name and your PATH."))
        }
    }
}

/// The code of a process; one that a signal ended has the code a shell would give it.
fn code_of(status: std::process::ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
