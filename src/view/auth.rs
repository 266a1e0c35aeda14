//! Credentials, never their values.

use brokers::manifest::Provider;
use brokers::rest::{CredentialSource, Verified};
use provision::broker::BrokerError;
use serde_json::{Value, json};

use super::{FORMAT_VERSION, document, table};
use crate::credentials::{Envelope, Standing};
use crate::failure::sentence;
use crate::terminal::{out, talk};

/// A credential that was just stored.
pub struct Stored<'a> {
    /// Whose it is.
    pub provider: &'a Provider,
    /// What may be known of it.
    pub envelope: &'a Envelope,
    /// What the provider said, if it was asked.
    pub verified: Option<&'a Verified>,
    /// The secrets without which it is of no use yet.
    pub missing: &'a [String],
    /// The variables that are set and win over it.
    pub variables: &'a [String],
}

/// Says that a credential was stored, or took the place of another.
pub fn stored(is_json: bool, is_rotation: bool, stored: &Stored<'_>) {
    let Stored { provider, envelope, verified, missing, variables } = *stored;
    if is_json {
        return document(&json!({
            "format_version": FORMAT_VERSION,
            "provider": provider.id,
            "stored_at": envelope.stored_at,
            "secrets": envelope.secrets,
            "verified": verified.map(verified_json),
            "missing": missing,
            "variables": variables,
            "revoke_at": is_rotation.then(|| where_made(provider)),
        }));
    }
    let verb = if is_rotation { "Replaced" } else { "Stored" };
    let words = match verified {
        None => ", without asking whether it works".to_owned(),
        Some(verified) => verified.who.as_ref().map(|who| format!(": {who}")).unwrap_or_default(),
    };
    out(format!("{verb} the credential for {}{words}.", provider.name));
    if is_rotation {
        out(format!("The former one works until you revoke it: {}", where_made(provider)));
    }
    for line in verified.map(scope_lines).unwrap_or_default() {
        out(line);
    }
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(|name| format!("--secret {name}")).collect();
        let command = format!("prov auth set {} {}", provider.id, names.join(" "));
        talk(format!("warning: It is not complete yet: `{command}`."));
    }
    if !variables.is_empty() {
        let names = variables.join(" and ");
        talk(format!("warning: {names} in the environment is used instead of it."));
    }
}

/// Where credentials are made and revoked.
fn where_made(provider: &Provider) -> &str {
    let help = provider.auth.first().and_then(|auth| auth.help.as_deref()).unwrap_or_default();
    let address = help.find("https://").and_then(|start| help.get(start..));
    let address = address.and_then(|rest| rest.split([' ', ';', ',']).next());
    let address = address.map(|address| address.trim_end_matches(['.', ':']));
    address.or(provider.docs.as_deref()).unwrap_or(help)
}

fn scope_lines(verified: &Verified) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(scopes) = verified.scopes.as_ref().filter(|scopes| !scopes.is_empty()) {
        lines.push(format!("It may: {scopes}."));
    }
    if !verified.missing.is_empty() {
        lines.push(format!("It may not: {}.", verified.missing.join(", ")));
    }
    lines
}

/// Says that a credential was forgotten.
pub fn removed(is_json: bool, id: &str, provider: Option<&Provider>) {
    let revoke_at = provider.map(where_made);
    if is_json {
        return document(&json!({
            "format_version": FORMAT_VERSION, "provider": id, "revoke_at": revoke_at,
        }));
    }
    out(format!("Forgot the credential for {}.", provider.map_or(id, |known| &known.name)));
    if let Some(place) = revoke_at {
        out(format!("It works until you revoke it: {place}"));
    }
}

/// Lists providers and where their credentials come from.
pub fn list(is_json: bool, standings: &[Standing], strangers: &[String]) {
    if is_json {
        let providers: Vec<Value> = standings.iter().map(standing_json).collect();
        return document(&json!({
            "format_version": FORMAT_VERSION, "providers": providers, "unknown": strangers,
        }));
    }
    let known = standings.iter().map(|standing| {
        vec![standing.provider.clone(), standing.name.clone(), standing_words(standing)]
    });
    let unknown = strangers
        .iter()
        .map(|id| vec![id.clone(), String::new(), "stored, and no manifest describes it".into()]);
    out(table(&known.chain(unknown).collect::<Vec<_>>()).join("\n"));
}

/// Where a credential comes from, in words.
pub fn standing_words(standing: &Standing) -> String {
    let date = standing.stored.as_ref().map(|stored| day(&stored.stored_at));
    let mut words = match (&standing.credential, standing.source(), date) {
        (Err(error), _, _) => sentence(&error.message),
        (_, Some(_), Some(date)) if standing.uses_stored() => format!("stored on {date}"),
        (_, Some(source), Some(date)) => {
            format!("from {source} (one stored on {date} is not used)")
        }
        (_, Some(source), None) => format!("from {source}"),
        (_, None, Some(date)) => format!("stored on {date}, but not all it takes"),
        (_, None, None) => "none".to_owned(),
    };
    match &standing.verified {
        Some(Ok(verified)) => {
            let who = verified.who.as_deref().unwrap_or("works");
            words.push_str(&format!(" · {who}"));
            if !verified.missing.is_empty() {
                words.push_str(&format!(" · lacks {}", verified.missing.join(", ")));
            }
        }
        Some(Err(error)) if standing.credential.is_ok() => {
            words.push_str(&format!(" · {}", sentence(&error.message)));
        }
        _ => {}
    }
    words
}

/// The date of a time.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

fn standing_json(standing: &Standing) -> Value {
    let secrets = standing.credential.as_ref().ok().and_then(Option::as_ref).map(|credential| {
        let one = |(name, source): &(String, CredentialSource)| match source {
            CredentialSource::Variable(variable) => {
                json!({ "name": name, "source": "variable", "variable": variable })
            }
            CredentialSource::Stored => {
                json!({ "name": name, "source": "stored", "variable": null })
            }
        };
        credential.secrets.iter().map(one).collect::<Vec<_>>()
    });
    let asked = standing.verified.as_ref();
    let error = asked.and_then(|asked| asked.as_ref().err()).or(standing.credential.as_ref().err());
    json!({
        "provider": standing.provider,
        "name": standing.name,
        "secrets": secrets.unwrap_or_default(),
        "stored_at": standing.stored.as_ref().map(|stored| &stored.stored_at),
        "verified": asked.and_then(|asked| asked.as_ref().ok()).map(verified_json),
        "error": error.map(error_json),
    })
}

/// What a provider said about a credential.
pub fn verified_json(verified: &Verified) -> Value {
    json!({ "who": verified.who, "scopes": verified.scopes, "missing": verified.missing })
}

fn error_json(error: &BrokerError) -> Value {
    json!({ "summary": sentence(&error.message), "help": error.help })
}
