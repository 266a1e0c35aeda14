//! Instances of the journal.

use provision::observe::{LiveState, Observation};
use provision::state::{Instance, Origin, Status};
use serde_json::{Map, Value, json};

use super::table;
use crate::terminal::{BAD, CHANGE, DIM, GOOD, paint};

/// The stand-in for a secret.
pub const MASK: &str = "(sensitive)";

/// The word for where an instance is in its life.
pub fn status_word(instance: &Instance) -> &'static str {
    match instance.status {
        Status::Provisioning => "provisioning",
        Status::Provisioned => "provisioned",
        Status::Failed => "failed",
        Status::Deprovisioning => "deprovisioning",
    }
}

fn origin_word(instance: &Instance) -> &'static str {
    match instance.origin {
        Origin::Created => "created",
        Origin::Adopted => "adopted",
        Origin::Discovered => "discovered",
    }
}

/// A line for each instance.
pub fn list<'a>(instances: impl Iterator<Item = &'a Instance>) -> String {
    let row = |instance: &Instance| {
        vec![
            instance.reference.to_string(),
            instance.kind.to_string(),
            format!("{} · {}", instance.service, instance.name),
            status_word(instance).to_owned(),
            if instance.protected { "protected".to_owned() } else { String::new() },
        ]
    };
    let rows: Vec<Vec<String>> = instances.map(row).collect();
    table(&rows).join("\n")
}

/// Outputs with secrets masked.
pub fn outputs(instance: &Instance) -> Map<String, Value> {
    let plain = instance.outputs.iter().map(|(key, value)| (key.to_string(), value.clone()));
    let secret = instance.sensitive.keys().map(|key| (key.to_string(), Value::from(MASK)));
    plain.chain(secret).collect()
}

/// Everything about one instance.
pub fn show(instance: &Instance) -> String {
    let mut lines = vec![
        format!("{} ({})", instance.reference, instance.service),
        format!("  name         {}", instance.name),
        format!("  id           {}", instance.instance_id),
        format!("  kind         {}", instance.kind),
        format!("  state        {}", status_word(instance)),
        format!("  origin       {}", origin_word(instance)),
        format!("  protected    {}", instance.protected),
    ];
    if let Some(plan) = &instance.plan {
        lines.push(format!("  plan         {plan}"));
    }
    if !instance.depends_on.is_empty() {
        let needs: Vec<&str> = instance.depends_on.iter().map(|need| need.as_str()).collect();
        lines.push(format!("  needs        {}", needs.join(", ")));
    }
    if let Some(time) = instance.provisioned_at {
        lines.push(format!("  provisioned  {time}"));
    }
    if let Some(error) = &instance.last_error {
        lines.push(format!("  last error   {error}"));
    }
    if !instance.deposed.is_empty() {
        lines.push(format!("  left behind  {} former instance(s)", instance.deposed.len()));
    }
    let outputs = outputs(instance);
    if !outputs.is_empty() {
        lines.push("  outputs".to_owned());
        lines.extend(outputs.iter().map(|(key, value)| format!("    {key} = {}", shown(value))));
    }
    lines.join("\n")
}

/// A value on one line.
pub fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(MASK) => MASK.to_owned(),
        _ => value.to_string(),
    }
}

/// One instance as JSON, secrets masked.
pub fn json(instance: &Instance) -> Value {
    json!({
        "ref": instance.reference,
        "service": instance.service,
        "plan": instance.plan,
        "name": instance.name,
        "instance_id": instance.instance_id,
        "kind": instance.kind,
        "state": status_word(instance),
        "origin": origin_word(instance),
        "protected": instance.protected,
        "external": instance.external,
        "depends_on": instance.depends_on,
        "outputs": outputs(instance),
        "last_error": instance.last_error,
        "provisioned_at": instance.provisioned_at.map(|time| time.to_string()),
        "updated_at": instance.updated_at.map(|time| time.to_string()),
    })
}

/// The word for what was found live.
pub fn live_word(state: &LiveState) -> &'static str {
    match state {
        LiveState::Live => "live",
        LiveState::Missing => "missing",
        LiveState::Drifted(_) => "drifted",
        LiveState::Unknown => "unknown",
        LiveState::Error(_) => "error",
    }
}

/// What was found live, a line each.
pub fn observations(observations: &[Observation]) -> String {
    let mut lines = Vec::new();
    let width = observations.iter().map(|o| o.reference.as_str().len()).max().unwrap_or_default();
    for observation in observations {
        let style = match observation.state {
            LiveState::Live => GOOD,
            LiveState::Unknown => DIM,
            LiveState::Drifted(_) => CHANGE,
            LiveState::Missing | LiveState::Error(_) => BAD,
        };
        let word = paint(style, format!("{:<8}", live_word(&observation.state)));
        lines.push(format!(
            "  {word} {:width$}  {} · {}",
            observation.reference, observation.service, observation.name
        ));
        match &observation.state {
            LiveState::Drifted(changes) => lines.extend(changes.iter().map(|(key, old, new)| {
                let key = key.as_str().trim_start_matches('$');
                format!("        {key}: {old} → {new}")
            })),
            LiveState::Error(error) => lines.push(format!("        {error}")),
            _ => {}
        }
    }
    lines.join("\n")
}

/// What was found live, as JSON.
pub fn observation_json(observation: &Observation) -> Value {
    let (drift, error) = match &observation.state {
        LiveState::Drifted(changes) => {
            let change = |(key, old, new): &(_, Value, Value)| json!({ "output": key, "before": old, "after": new });
            (changes.iter().map(change).collect(), None)
        }
        LiveState::Error(error) => (Vec::new(), Some(error)),
        _ => (Vec::new(), None),
    };
    json!({
        "ref": observation.reference,
        "service": observation.service,
        "name": observation.name,
        "instance_id": observation.instance_id,
        "status": live_word(&observation.state),
        "drift": drift,
        "error": error,
    })
}
