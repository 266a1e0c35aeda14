//! `prov env`: the bound variables, in clear: that is what they are for.

use serde_json::{Map, Value, json};

use crate::change::bound_variables;
use crate::context::Context;
use crate::exit::Exit;
use crate::sink::{Variable, quote, shell_quote};
use crate::terminal::out;
use crate::view;

/// The form of the variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Lines of a dotenv file
    Dotenv,
    /// One JSON object
    Json,
    /// `export` lines for `eval`
    Shell,
}

/// What `prov env` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The form
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, args: &Args) -> super::Answer {
    let project = context.project_or_bare()?;
    let journal = project.load().await?.journal;
    let variables = bound_variables(&project, &journal, None)?;
    if context.global.json && args.format.is_none() {
        let variables = to_object(variables);
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "variables": variables }));
        return Ok(Exit::Done);
    }
    match args.format.unwrap_or(Form::Dotenv) {
        Form::Json => {
            view::document(&Value::Object(to_object(variables)));
        }
        Form::Dotenv => {
            for (name, value) in variables {
                out(format!("{name}={}", quote(&value)));
            }
        }
        Form::Shell => {
            for (name, value) in variables {
                out(format!("export {name}={}", shell_quote(&value)));
            }
        }
    }
    Ok(Exit::Done)
}

fn to_object(variables: Vec<Variable>) -> Map<String, Value> {
    variables.into_iter().map(|(name, value)| (name, Value::from(value.as_str()))).collect()
}
