//! `prov graph`: the references between instances.

use std::fmt::Write as _;

use provision::config::Desired;
use serde_json::json;

use crate::context::Context;
use crate::exit::Exit;
use crate::terminal::out;
use crate::view;

/// The form of the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid
    Mermaid,
}

/// What `prov graph` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The form
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    format: Form,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    let mut project = context.project()?;
    let desired = context.desired(&mut project)?;
    if context.global.json {
        let nodes: Vec<_> = desired
            .instances
            .iter()
            .map(|spec| json!({ "ref": spec.reference, "service": spec.service, "needs": spec.needs }))
            .collect();
        view::document(&json!({ "format_version": view::FORMAT_VERSION, "instances": nodes }));
    } else {
        out(match args.format {
            Form::Dot => dot(&desired),
            Form::Mermaid => mermaid(&desired),
        });
    }
    Ok(Exit::Done)
}

fn dot(desired: &Desired) -> String {
    let mut text = "digraph prov {\n  rankdir = LR;\n  node [shape = box];\n".to_owned();
    for spec in &desired.instances {
        let label = format!("{}\\n{}", spec.reference, spec.service);
        let _ = writeln!(text, "  \"{}\" [label = \"{label}\"];", spec.reference);
    }
    for spec in &desired.instances {
        for need in &spec.needs {
            let _ = writeln!(text, "  \"{}\" -> \"{need}\";", spec.reference);
        }
    }
    text.push('}');
    text
}

/// Mermaid reads some words as keywords, so nodes are numbered and labelled.
fn mermaid(desired: &Desired) -> String {
    let mut text = "graph LR".to_owned();
    for (index, spec) in desired.instances.iter().enumerate() {
        let _ = write!(text, "\n  n{index}[\"{}<br/>{}\"]", spec.reference, spec.service);
    }
    for (index, spec) in desired.instances.iter().enumerate() {
        for need in &spec.needs {
            let place = desired.instances.iter().position(|other| other.reference == *need);
            if let Some(place) = place {
                let _ = write!(text, "\n  n{index} --> n{place}");
            }
        }
    }
    text
}
