//! `prov brokers`: every service there is.

use brokers::manifest::{Manifest, VERBS};
use provision::broker::Service;
use serde_json::{Value, json};

use crate::context::{Brokers, Context};
use crate::exit::Exit;
use crate::terminal::out;
use crate::view;

/// What `prov brokers` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only services whose id, kind or description has this in it
    #[arg(value_name = "WORD")]
    word: Option<String>,
}

/// A service, as the list shows it.
struct Line {
    service: String,
    kind: String,
    provider: String,
    can: Vec<&'static str>,
    found_by: Vec<&'static str>,
    /// The param without which it is not found.
    found_with: Option<&'static str>,
    from: String,
    description: String,
}

/// Runs it.
///
/// # Errors
/// When a manifest of the project or the user is wrong.
pub fn run(context: &mut Context, args: &Args) -> super::Answer {
    let word = args.word.as_deref().unwrap_or_default().to_lowercase();
    let mut lines = lines(&context.brokers());
    lines.retain(|line| {
        let text = format!("{} {} {}", line.service, line.kind, line.description);
        text.to_lowercase().contains(&word)
    });
    if context.global.json {
        let services: Vec<Value> = lines.iter().map(as_json).collect();
        view::document(&view::versioned(json!({ "services": services })));
        return Ok(Exit::Done);
    }
    let header = ["SERVICE", "KIND", "PROVIDER", "CAN", "FOUND BY", "FROM"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(|line| {
        vec![
            line.service.clone(),
            line.kind.clone(),
            line.provider.clone(),
            line.can.join(" "),
            found(line),
            line.from.clone(),
        ]
    }));
    for row in view::table(&rows) {
        out(row);
    }
    Ok(Exit::Done)
}

fn as_json(line: &Line) -> Value {
    json!({
        "service": line.service,
        "kind": line.kind,
        "provider": line.provider,
        "capabilities": line.can,
        "found_by": line.found_by,
        "found_with": line.found_with,
        "from": line.from,
        "description": line.description,
    })
}

fn found(line: &Line) -> String {
    let words = view::found_by(&line.found_by);
    line.found_with.map_or(words.clone(), |param| format!("{words} (with `{param}`)"))
}

fn lines(brokers: &Brokers) -> Vec<Line> {
    let mut lines = Vec::new();
    for service in brokers.local.iter().flat_map(|broker| broker.catalog()) {
        lines.push(local(service));
    }
    for manifest in brokers.rest.iter().flat_map(|broker| broker.manifests()) {
        lines.push(described(manifest));
    }
    lines
}

fn local(service: &Service) -> Line {
    Line {
        service: service.id.to_string(),
        kind: service.kind.to_string(),
        provider: "this machine".to_owned(),
        can: vec!["create", "read", "update", "delete"],
        found_by: match service.journal_only {
            true => vec!["journal"],
            false => service.finding.words(),
        },
        found_with: service.find_with,
        from: "built in".to_owned(),
        description: service.description.to_string(),
    }
}

fn described(manifest: &Manifest) -> Line {
    let rules = &manifest.service;
    let is_plain = |verb: &&str| !matches!(*verb, "configure" | "recover" | "find");
    let has = |verb: &str| rules.verb(verb).is_some();
    let can = VERBS.into_iter().filter(is_plain).filter(|verb| match *verb {
        "update" => has("update") || has("configure"),
        verb => has(verb),
    });
    Line {
        service: rules.id.clone(),
        kind: rules.kind.clone(),
        provider: manifest.provider.name.clone(),
        can: can.collect(),
        found_by: manifest.finding().words(),
        found_with: None,
        from: manifest.file.origin.as_str().to_owned(),
        description: rules.description.clone(),
    }
}
