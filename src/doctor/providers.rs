//! The providers: their manifests, the credentials for them, and their clocks.

use std::sync::Arc;

use brokers::rest::{RestBroker, Verified};
use futures_util::future::join_all;
use jiff::Timestamp;
use provision::broker::BrokerError;

use super::{Finding, Known, Status};
use crate::context::Context;
use crate::credentials::{Credentials, Standing, ask};
use crate::failure::Failure;

const CHECK: &str = "credentials";

/// A clock that is off by more than this many seconds makes signatures and certificates fail.
const SKEW_MAX: i64 = 60;

/// A provider that is used or has a credential.
struct Provider {
    broker: Arc<RestBroker>,
    standing: Standing,
    is_used: bool,
    /// How far its clock is ahead of ours, in seconds.
    skew: Option<i64>,
}

/// Manifests, credentials and the clock.
pub async fn examine(
    context: &mut Context,
    credentials: &Credentials,
    known: &Known,
    is_offline: bool,
) -> Vec<Finding> {
    let brokers = context.brokers().rest;
    let mut findings = Vec::new();
    if let Some(problems) = context.broken(|_| true) {
        let failure = Failure::of(crate::exit::Exit::Error, problems);
        findings.push(Finding::failed("manifests", &failure, "Mend or remove the file."));
    }
    let all = brokers.into_iter().map(|broker| look(broker, credentials, known));
    let mut providers: Vec<Provider> =
        all.filter(|provider| provider.is_used || provider.standing.is_known()).collect();
    if !is_offline {
        join_all(providers.iter_mut().map(question)).await;
    }
    if providers.is_empty() {
        let message = "no provider is used, and there is no credential for any";
        findings.push(Finding::ok(CHECK, message));
    }
    findings.extend(providers.iter().map(judge));
    findings.push(clock(&providers, is_offline));
    findings
}

fn look(broker: Arc<RestBroker>, credentials: &Credentials, known: &Known) -> Provider {
    let standing = Standing::of(&broker, credentials);
    let is_used =
        broker.manifests().any(|manifest| known.services.contains(manifest.service.id.as_str()));
    Provider { broker, standing, is_used, skew: None }
}

async fn question(provider: &mut Provider) {
    if matches!(provider.standing.credential, Ok(Some(_))) || takes_none(provider) {
        let answer = ask(&provider.broker).await;
        let date = answer.as_ref().ok().and_then(|verified| verified.date.as_deref());
        let then = date.and_then(|date| jiff::fmt::rfc2822::parse(date.trim()).ok());
        provider.skew =
            then.map(|then| then.timestamp().as_second() - Timestamp::now().as_second());
        provider.standing.verified = Some(answer);
    }
}

fn takes_none(provider: &Provider) -> bool {
    provider.broker.provider().auth.is_empty()
}

/// What is wrong with a provider that nobody uses here stops nothing here.
fn severity(provider: &Provider) -> Status {
    if provider.is_used { Status::Problem } else { Status::Warning }
}

fn judge(provider: &Provider) -> Finding {
    let standing = &provider.standing;
    let id = &standing.provider;
    let source = standing.source().map(|source| format!(", from {source}")).unwrap_or_default();
    let finding = match (&standing.credential, &standing.verified) {
        (Err(error), _) => {
            let fix = format!("Restore the identity, or store it anew: `prov auth set {id}`.");
            refused(provider, error).fix(fix)
        }
        (Ok(_), Some(Ok(verified))) => accepted(provider, verified, &source),
        (Ok(_), Some(Err(error))) => refused(provider, error),
        (Ok(None), None) if !takes_none(provider) => absent(provider),
        (Ok(_), None) => {
            Finding::skipped(CHECK, format!("{} was not asked{source}", standing.name))
        }
    };
    finding.about(id)
}

fn accepted(provider: &Provider, verified: &Verified, source: &str) -> Finding {
    let name = &provider.standing.name;
    let who = verified.who.as_ref().map(|who| format!(": {who}")).unwrap_or_default();
    if verified.missing.is_empty() {
        let scopes = verified.scopes.as_ref().filter(|scopes| !scopes.is_empty());
        let scopes = scopes.map(|scopes| format!(", may {scopes}")).unwrap_or_default();
        return Finding::ok(CHECK, format!("{name}{who}{source}{scopes}"));
    }
    let missing = verified.missing.join(", ");
    let message = format!("{name}{who}{source}, lacks the scopes: {missing}");
    Finding::warning(CHECK, message, help_of(provider))
}

fn refused(provider: &Provider, error: &BrokerError) -> Finding {
    let help = error.help.clone().unwrap_or_else(|| help_of(provider));
    let message = format!("{}: {}", provider.standing.name, error.message);
    Finding::new(CHECK, severity(provider), message).fix(help)
}

fn absent(provider: &Provider) -> Finding {
    let known = provider.broker.provider();
    let variable = known.auth.first().and_then(|auth| auth.secrets.first());
    let variable = variable.and_then(|(_, names)| names.first());
    let set = variable.map(|name| format!("Set {name}, or run ")).unwrap_or("Run ".to_owned());
    let fix = format!("{set}`prov auth set {}`. {}", known.id, help_of(provider));
    let message = format!("there is none for {}", known.name);
    Finding::new(CHECK, severity(provider), message).fix(fix.trim_end())
}

/// Where to get a credential.
fn help_of(provider: &Provider) -> String {
    let first = provider.broker.provider().auth.first();
    first.and_then(|auth| auth.help.clone()).unwrap_or_default()
}

/// Compares our clock with the provider's that agrees with it most: one that agrees proves it right.
fn clock(providers: &[Provider], is_offline: bool) -> Finding {
    let skews = providers.iter().filter_map(|provider| Some((provider.skew?, provider)));
    let Some((skew, provider)) = skews.min_by_key(|(skew, _)| skew.abs()) else {
        let why = if is_offline { "--offline" } else { "no provider told the time" };
        return Finding::skipped("clock", format!("not compared: {why}"));
    };
    let name = &provider.standing.name;
    if skew.abs() <= SKEW_MAX {
        return Finding::ok("clock", format!("agrees with that of {name}"));
    }
    let way = if skew > 0 { "behind" } else { "ahead of" };
    let message = format!("{} {way} that of {name}", spoken(skew.abs()));
    Finding::warning("clock", message, "Set this machine's clock, e.g. `timedatectl set-ntp true`.")
}

/// A time span as people say it.
fn spoken(seconds: i64) -> String {
    match seconds {
        ..=120 => format!("{seconds} seconds"),
        121..=7200 => format!("{} minutes", seconds / 60),
        7201..=172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_is_said_in_one_unit() {
        for (seconds, words) in
            [(61, "61 seconds"), (600, "10 minutes"), (10_800, "3 hours"), (200_000, "2 days")]
        {
            assert_eq!(spoken(seconds), words);
        }
    }
}
