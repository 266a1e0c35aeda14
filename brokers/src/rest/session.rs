//! A provider as it can be reached from here: base URL, credential, values beside it.

use std::sync::Arc;

use provision::broker::{BrokerError, ErrorKind};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use zeroize::Zeroize as _;

use super::exchange::Exchange;
use crate::http::{Accounts, Client, Redactor, Timer};
use crate::local::Settings;
use crate::manifest::{Auth, Language, Provider, Scope, Template};

/// The variable that says how often one call is attempted.
const ATTEMPTS: &str = "PROV_HTTP_ATTEMPTS";

/// What brokers need of the machine they run on.
#[derive(Clone)]
pub struct Surroundings {
    /// Where local files may be read.
    pub settings: Settings,
    /// The environment's variables.
    pub env: Arc<Variables>,
    /// The stored secrets: provider and name of the secret to value.
    pub stored: Arc<Stored>,
    /// Time.
    pub timer: Arc<dyn Timer>,
    /// The accounts that requests are counted for.
    pub accounts: Accounts,
}

/// Looks up a variable.
pub type Variables = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A way to authenticate with its secrets: name, value, where it came from.
type Complete<'a> = (&'a Auth, Vec<(String, String, CredentialSource)>);

/// Looks up a stored secret; the error says why it cannot be read.
pub type Stored = dyn Fn(&str, &str) -> Result<Option<String>, String> + Send + Sync;

/// Where a credential came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// From this variable.
    Variable(String),
    /// From `prov auth`.
    Stored,
}

/// What authenticates a request.
#[derive(Default)]
struct Credential {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Drop for Credential {
    fn drop(&mut self) {
        let pairs = self.headers.iter_mut().chain(&mut self.query);
        pairs.for_each(|(_, value)| value.zeroize());
    }
}

/// A connection to a provider.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) base_url: String,
    /// What authenticates, or why there is nothing.
    auth: Result<Credential, BrokerError>,
    values: OnceCell<Value>,
}

impl Session {
    pub(super) fn open(
        provider: &Provider,
        language: &Language,
        around: &Surroundings,
    ) -> Result<Self, BrokerError> {
        let attempts = value_of(around, ATTEMPTS).and_then(|count| count.parse().ok());
        let given = provider.base_url_env.iter().find_map(|name| value_of(around, name));
        let base_url = given.unwrap_or_else(|| provider.base_url.clone());
        let base_url = base_url.trim_end_matches('/').to_owned();
        let redactor = Redactor::default();
        let auth = authenticate(provider, language, around, &redactor);
        let account = account(provider, &base_url, auth.as_ref().ok());
        let limiter = around.accounts.of(&account, &provider.limits, &around.timer);
        let timer = Arc::clone(&around.timer);
        let client = Client::new(&provider.limits, (limiter, timer), attempts)?.hiding(redactor);
        Ok(Self { client, base_url, auth, values: OnceCell::new() })
    }

    pub(super) fn headers(&self) -> Result<&[(String, String)], BrokerError> {
        self.auth.as_ref().map(|auth| auth.headers.as_slice()).map_err(Clone::clone)
    }

    /// What authenticates in the query of a request.
    pub(super) fn query(&self) -> Result<&[(String, String)], BrokerError> {
        self.auth.as_ref().map(|auth| auth.query.as_slice()).map_err(Clone::clone)
    }

    /// The provider's values, asked for once.
    pub(super) async fn values(&self, exchange: &Exchange<'_>) -> Result<&Value, BrokerError> {
        self.values.get_or_try_init(|| resolve(exchange)).await
    }
}

/// What tells one account from another: where it is, who asks, and at which rates.
fn account(provider: &Provider, base_url: &str, auth: Option<&Credential>) -> String {
    let credential = auth.map(|auth| (&auth.headers, &auth.query));
    let paths: Vec<_> =
        provider.limits.paths.iter().map(|(method, _, rate)| (method, rate)).collect();
    let rates = (&provider.limits.rates, paths, provider.limits.concurrency);
    let whole = format!("{base_url} {credential:?} {rates:?}");
    provision::digest::of_bytes(whole.as_bytes())
}

fn value_of(around: &Surroundings, name: &str) -> Option<String> {
    (around.env)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The secrets of the first way to authenticate that is complete, and where they came from.
pub(super) fn credential<'a>(
    provider: &'a Provider,
    around: &Surroundings,
) -> Result<Option<Complete<'a>>, String> {
    for auth in &provider.auth {
        let mut found = Vec::new();
        for (secret, names) in &auth.secrets {
            let variable = names.iter().find_map(|name| Some((name, value_of(around, name)?)));
            let known = match variable {
                Some((name, value)) => Some((value, CredentialSource::Variable(name.clone()))),
                None => (around.stored)(&provider.id, secret)?
                    .map(|value| (value, CredentialSource::Stored)),
            };
            found.extend(known.map(|(value, source)| (secret.clone(), value, source)));
        }
        if found.len() == auth.secrets.len() {
            return Ok(Some((auth, found)));
        }
    }
    Ok(None)
}

fn authenticate(
    provider: &Provider,
    language: &Language,
    around: &Surroundings,
    redactor: &Redactor,
) -> Result<Credential, BrokerError> {
    if provider.auth.is_empty() {
        return Ok(Credential::default());
    }
    let found = credential(provider, around).map_err(|error| {
        BrokerError::new(ErrorKind::Unauthorized, error)
            .help(format!("`prov auth set {}` stores it anew.", provider.id))
    })?;
    let Some((auth, secrets)) = found else { return Err(missing(provider)) };
    let mut scope = Scope::default();
    for (name, value, _) in &secrets {
        redactor.add(value);
        scope.set(name, &Value::from(value.as_str()));
    }
    let filled = |templates: &[(String, Template)]| {
        let filled = templates.iter().map(|(name, template)| {
            let value = template
                .render(language, &scope, provision::value::as_text)
                .map_err(|error| BrokerError::new(ErrorKind::Invalid, error.to_string()))?;
            redactor.add(&value);
            Ok((name.clone(), value))
        });
        filled.collect::<Result<Vec<_>, BrokerError>>()
    };
    Ok(Credential { headers: filled(&auth.headers)?, query: filled(&auth.query)? })
}

fn missing(provider: &Provider) -> BrokerError {
    let message = format!("there is no credential for {}", provider.name);
    let first = provider.auth.first();
    let names: Vec<&str> = first
        .iter()
        .flat_map(|auth| &auth.secrets)
        .filter_map(|(_, names)| names.first().map(String::as_str))
        .collect();
    let more = first.and_then(|auth| auth.help.clone()).unwrap_or_default();
    let help =
        format!("Set {}, or run `prov auth set {}`. {more}", names.join(" and "), provider.id);
    BrokerError::new(ErrorKind::Unauthorized, message).help(help.trim_end())
}

/// Finds the provider's values: variables first, then what the provider says.
async fn resolve(exchange: &Exchange<'_>) -> Result<Value, BrokerError> {
    let (provider, around) = (exchange.provider, exchange.around);
    let mut values = Map::new();
    for (name, rule) in &provider.values {
        if let Some(value) = rule.env.iter().find_map(|name| value_of(around, name)) {
            values.insert(name.clone(), Value::from(value));
            continue;
        }
        let mut found = None;
        if let (Some(request), Some(template)) = (&rule.request, &rule.value) {
            let answer = exchange.ask(request).await?;
            found = exchange.over_answer(template, &answer)?;
        }
        match found.filter(|value| !value.is_null()) {
            Some(value) => drop(values.insert(name.clone(), value)),
            None if rule.optional => {}
            None => {
                let what = rule.description.trim_end_matches('.');
                let message = format!("{}: {name} is not known ({what})", provider.name);
                let error = BrokerError::new(ErrorKind::Unauthorized, message);
                return Err(error.help(format!("Set {}.", rule.env.join(" or "))));
            }
        }
    }
    Ok(Value::Object(values))
}
