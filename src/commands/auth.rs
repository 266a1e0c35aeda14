//! `prov auth`: the user's credentials for providers.

use std::collections::BTreeSet;
use std::sync::Arc;

use brokers::manifest::{Auth, Provider};
use brokers::rest::{RestBroker, Surroundings, Verified};
use futures_util::future::join_all;
use jiff::Timestamp;
use provision::name::closest;

use crate::context::{Context, credentials};
use crate::credentials::{Credentials, Secret, Secrets, Standing, ask};
use crate::exit::Exit;
use crate::failure::{Failure, sentence};
use crate::prompt;
use crate::view::auth as view;

/// What can be done with credentials.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Store a credential: typed when asked, or a line for each secret on standard input
    Set(Given),
    /// List the providers and where each one's credential comes from
    List {
        /// Ask the providers whether the credentials work
        #[arg(long)]
        verify: bool,
    },
    /// Forget a stored credential
    Remove {
        /// The provider, e.g. `digitalocean`
        provider: String,
    },
    /// Put a new credential in the place of a stored one
    Rotate(Given),
}

/// A provider and what is given for it. Never a value: everybody could read it among the processes.
#[derive(clap::Args, Debug)]
pub struct Given {
    /// The provider, e.g. `digitalocean`
    provider: String,
    /// Only this secret, e.g. `token`; may be repeated
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,
    /// Store it without asking the provider whether it works
    #[arg(long)]
    no_verify: bool,
}

/// Runs it.
///
/// # Errors
/// Why it could not be done.
pub async fn run(context: &mut Context, command: Command) -> super::Answer {
    match command {
        Command::Set(given) => store(context, &given, false).await,
        Command::Rotate(given) => store(context, &given, true).await,
        Command::List { verify } => list(context, verify).await,
        Command::Remove { provider } => remove(context, &provider),
    }
}

/// Sets or rotates: asks for the secrets, verifies them, and only then writes.
async fn store(context: &mut Context, given: &Given, is_rotation: bool) -> super::Answer {
    let broker = find(context, &given.provider)?;
    let provider = broker.provider();
    let credentials = credentials();
    let names = wanted(&credentials, provider, given, is_rotation)?;
    let auth = method(provider, &names)?;
    let old = match credentials.open(&provider.id) {
        Ok(old) => old.unwrap_or_default(),
        // The others would be lost.
        Err(error) if !given.secret.is_empty() => return Err(error.into()),
        // What cannot be opened any more is what storing it anew mends.
        Err(_) => Secrets::new(),
    };
    let labels: Vec<String> =
        names.iter().map(|name| format!("{} {name}", provider.name)).collect();
    let new: Secrets = names.into_iter().zip(prompt::secrets(&labels).await?).collect();
    if is_rotation && new.iter().all(|(name, secret)| old.get(name) == Some(secret)) {
        let summary = "That is the credential which is stored already.";
        return Err(Failure::with_help(Exit::Error, "same-secret", summary, make_one(provider)));
    }
    let is_partial = is_rotation || !given.secret.is_empty();
    let mut kept = if is_partial { old } else { Secrets::new() };
    kept.extend(new.clone());
    let around = context.surroundings();
    let (candidate, missing) = complete(auth, &kept, &around);
    let verified = match given.no_verify || !missing.is_empty() {
        true => None,
        false => Some(verify(provider, candidate, around.clone()).await?),
    };
    let envelope = credentials.keep(&provider.id, &kept, Timestamp::now())?;
    let stored = view::Stored {
        provider,
        envelope: &envelope,
        verified: verified.as_ref(),
        missing: &missing,
        variables: &set_variables(provider, &around),
    };
    view::stored(context.global.json, is_rotation, &stored);
    Ok(Exit::Done)
}

/// The broker of a provider.
fn find(context: &mut Context, provider: &str) -> Result<Arc<RestBroker>, Failure> {
    let brokers = context.brokers().rest;
    if let Some(broker) = brokers.iter().find(|broker| broker.provider().id == provider) {
        return Ok(Arc::clone(broker));
    }
    if let Some(problems) = context.broken(|broken| broken.provider == provider) {
        return Err(Failure::of(Exit::Error, problems));
    }
    Err(unknown(provider, brokers.iter().map(|broker| broker.provider().id.as_str())))
}

fn unknown<'a>(provider: &str, known: impl Iterator<Item = &'a str> + Clone) -> Failure {
    let summary = format!("There is no provider `{provider}`.");
    let help = match closest(provider, known) {
        Some(word) => format!("Did you mean `{word}`?"),
        None => "`prov auth list` lists those there are.".to_owned(),
    };
    Failure::with_help(Exit::Error, "unknown-provider", summary, help)
}

/// The names of the secrets to ask for.
fn wanted(
    credentials: &Credentials,
    provider: &Provider,
    given: &Given,
    is_rotation: bool,
) -> Result<Vec<String>, Failure> {
    let stored = credentials.look(&provider.id);
    if is_rotation && !matches!(stored, Ok(Some(_)) | Err(_)) {
        let summary = format!("No credential is stored for {}.", provider.name);
        let help = format!(
            "`prov auth set {}` stores one; one in a variable is changed where that is set.",
            provider.id
        );
        return Err(Failure::with_help(Exit::Error, "no-credential", summary, help));
    }
    if !given.secret.is_empty() {
        let mut names = given.secret.clone();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        return Ok(names);
    }
    let names_of = |auth: &Auth| -> Vec<String> {
        auth.secrets.iter().map(|(name, _)| name.clone()).collect()
    };
    let mut methods = provider.auth.iter().map(names_of);
    let has = |name: &String| match &stored {
        Ok(Some(envelope)) if is_rotation => envelope.secrets.contains(name),
        _ => true,
    };
    let names = methods.clone().find(|names| names.iter().all(has));
    let names = names.or_else(|| methods.find(|names| names.iter().any(has)));
    match names {
        Some(names) => Ok(names.into_iter().filter(has).collect()),
        None => {
            let summary = format!("{} takes no credential.", provider.name);
            Err(Failure::new(Exit::Error, "no-credential", summary))
        }
    }
}

/// The way to authenticate that takes these secrets.
fn method<'a>(provider: &'a Provider, names: &[String]) -> Result<&'a Auth, Failure> {
    let takes =
        |auth: &&Auth| names.iter().all(|name| auth.secrets.iter().any(|(known, _)| known == name));
    if let Some(auth) = provider.auth.iter().find(takes) {
        return Ok(auth);
    }
    let known: Vec<&str> = provider
        .auth
        .iter()
        .flat_map(|auth| &auth.secrets)
        .map(|(name, _)| name.as_str())
        .collect();
    let summary = match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => format!("{} takes no secret `{name}`.", provider.name),
        None => format!("{} takes either, not all of them: {}.", provider.name, names.join(", ")),
    };
    let help = format!("It takes: {}.", known.join(", "));
    Err(Failure::with_help(Exit::Error, "unknown-secret", summary, help))
}

/// The secrets of a way to authenticate: those kept, else those of the environment. And the names of
/// those that are not known.
fn complete(auth: &Auth, kept: &Secrets, around: &Surroundings) -> (Secrets, Vec<String>) {
    let (mut known, mut missing) = (Secrets::new(), Vec::new());
    for (name, variables) in &auth.secrets {
        let given = || variables.iter().find_map(|name| (around.env)(name)).map(Secret::new);
        match kept.get(name).cloned().or_else(given) {
            Some(secret) => drop(known.insert(name.clone(), secret)),
            None => missing.push(name.clone()),
        }
    }
    (known, missing)
}

/// Asks the provider about these secrets, whatever else the environment holds.
async fn verify(
    provider: &Provider,
    secrets: Secrets,
    around: Surroundings,
) -> Result<Verified, Failure> {
    ask(&alone(provider, secrets, around)).await.map_err(|error| {
        let help = format!(
            "Nothing was stored. {} `--no-verify` stores it without asking.",
            make_one(provider)
        );
        Failure::with_help(Exit::Error, "refused", sentence(&error.message), help)
    })
}

/// A broker that knows no other credential than this one.
fn alone(provider: &Provider, secrets: Secrets, around: Surroundings) -> RestBroker {
    let hidden: BTreeSet<String> = variables(provider).map(str::to_owned).collect();
    let env = Arc::clone(&around.env);
    let around = Surroundings {
        env: Arc::new(move |name| if hidden.contains(name) { None } else { env(name) }),
        stored: Arc::new(move |_, name| {
            Ok(secrets.get(name).map(|secret| secret.expose().to_owned()))
        }),
        ..around
    };
    RestBroker::new(Arc::new(provider.clone()), Vec::new(), around)
}

fn variables(provider: &Provider) -> impl Iterator<Item = &str> {
    let secrets = provider.auth.iter().flat_map(|auth| &auth.secrets);
    secrets.flat_map(|(_, names)| names).map(String::as_str)
}

/// The variables that are set and win over what is stored.
fn set_variables(provider: &Provider, around: &Surroundings) -> Vec<String> {
    let is_set = |name: &&str| (around.env)(name).is_some_and(|value| !value.trim().is_empty());
    variables(provider).filter(is_set).map(str::to_owned).collect()
}

/// How to get a credential, as the provider's file says it.
fn make_one(provider: &Provider) -> &str {
    provider.auth.first().and_then(|auth| auth.help.as_deref()).unwrap_or_default()
}

async fn list(context: &mut Context, verify: bool) -> super::Answer {
    let brokers = context.brokers().rest;
    let credentials = credentials();
    let standing = async |broker: &Arc<RestBroker>| {
        let mut standing = Standing::of(broker, &credentials);
        if verify && standing.is_known() {
            standing.verified = Some(ask(broker).await);
        }
        standing
    };
    let standings = join_all(brokers.iter().map(standing)).await;
    let known = |id: &String| standings.iter().any(|standing| standing.provider == *id);
    let strangers: Vec<String> =
        credentials.providers()?.into_iter().filter(|id| !known(id)).collect();
    view::list(context.global.json, &standings, &strangers);
    let has_failed = standings.iter().any(|standing| matches!(standing.verified, Some(Err(_))));
    Ok(if has_failed { Exit::Error } else { Exit::Done })
}

fn remove(context: &mut Context, id: &str) -> super::Answer {
    let credentials = credentials();
    // One whose manifest is gone can be forgotten as well.
    let stored = credentials.providers()?;
    if !stored.iter().any(|name| name == id) {
        let broker = find(context, id)?;
        let summary = format!("No credential is stored for {}.", broker.provider().name);
        let variables = set_variables(broker.provider(), &context.surroundings());
        let help = match variables.first() {
            Some(name) => format!("The one in use comes from {name}."),
            None => "`prov auth list` lists what there is.".to_owned(),
        };
        return Err(Failure::with_help(Exit::Error, "no-credential", summary, help));
    }
    credentials.forget(id)?;
    let brokers = context.brokers().rest;
    let broker = brokers.iter().find(|broker| broker.provider().id == id);
    view::removed(context.global.json, id, broker.map(|broker| broker.provider()));
    Ok(Exit::Done)
}
