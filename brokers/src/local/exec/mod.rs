//! `local-exec`: whatever the project's own commands make.
//!
//! A command reads JSON on standard input and prints JSON on standard output; see [`question`] and
//! [`reply`] for the two forms.

mod command;
mod latch;
mod question;
mod reply;

use std::time::Duration;

use async_trait::async_trait;

use provision::broker::{
    Address, Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest,
    Finding, Live, OnChange, OperationRequest, OperationState, Param, ParamType, Previous,
    Progress, ProvisionRequest, Provisioned, ReplaceOrder, Service, UpdateRequest, Way,
};
use provision::value::Resolved;

use super::{Settings, done};
use command::Command;
use latch::Latch;
use question::Question;
use reply::{Reply, State};

const TIMEOUT: i64 = 600;
const TIMEOUTS: (i64, i64) = (1, 86_400);

/// What a command is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Create,
    Read,
    Update,
    Delete,
    Find,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Find => "find",
        }
    }

    /// Whether a command changes something, or only looks.
    fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }

    /// What a command that was cut off means: one that only looks has done nothing.
    fn interrupted(self) -> ErrorKind {
        if self.changes() { ErrorKind::Unknown } else { ErrorKind::Unavailable }
    }
}

/// Provisions by running commands.
pub(crate) struct ExecBroker {
    catalog: [Service; 1],
    settings: Settings,
}

impl ExecBroker {
    pub(crate) fn new(settings: &Settings) -> Self {
        let service = Service {
            params: params(),
            outputs_open: true,
            replace_order: ReplaceOrder::DeleteFirst,
            finding: Finding::By(vec![Way::Name]),
            find_with: Some(Verb::Find.as_str()),
            deadline: Duration::from_secs(24 * 60 * 60),
            ..super::service("local-exec", "custom", "Whatever the project's own commands make.")
        };
        Self { catalog: [service], settings: settings.clone() }
    }

    /// Runs the command of `verb` and returns what it printed, `None` for `null`. What changes
    /// something gets a latch.
    async fn ask(&self, verb: Verb, question: &Question<'_>) -> Result<Option<Reply>, BrokerError> {
        self.outlast(question).await?;
        let Some(command) = Command::new(verb, question.params, &self.settings.root)? else {
            return Err(no_command(verb, question.address));
        };
        let about = format!("`{}` of `{}`", verb.as_str(), question.address.reference);
        let names = latch::Names::of(question).filter(|_| verb.changes());
        let latch = names.map(|names| Latch::take(&self.settings.bounds(), &names)).transpose()?;
        let input = question.to_json();
        let asked = (input.as_slice(), about.as_str(), &question.secrets());
        let printed = command.run(asked, latch).await?;
        reply::parse(verb, &printed).map_err(|why| {
            BrokerError::new(verb.interrupted(), format!("{about} printed no usable answer: {why}"))
                .help("It has to print one JSON object on standard output, and nothing else there.")
        })
    }

    /// Waits until nothing is at work any more on what the question is about, when it is one of an
    /// operation; whether anything was. A command whose run was killed changes what the next one sees.
    async fn outlast(&self, question: &Question<'_>) -> Result<bool, BrokerError> {
        let Some(names) = latch::Names::of(question) else { return Ok(false) };
        let patience = command::timeout(question.params)?;
        latch::outlast(&self.settings.bounds(), &names, patience).await
    }

    /// Refuses to make what a command has made meanwhile of which the journal knows nothing any more.
    async fn refuse_found(&self, question: &Question<'_>) -> Result<(), BrokerError> {
        if question.params.get(Verb::Find.as_str()).is_none() {
            return Ok(());
        }
        let Some(reply) = self.ask(Verb::Find, question).await? else { return Ok(()) };
        let (reference, id) = (&question.address.reference, id_of(&reply, question));
        let message = format!("a command of an earlier run has just made it: {id}");
        Err(BrokerError::new(ErrorKind::Conflict, message)
            .help(format!("Take it over: `prov import {reference} {id}`.")))
    }
}

#[async_trait]
impl Broker for ExecBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let question = Question {
            key: Some(&request.idempotency_key),
            ..Question::new(&request.address, &request.params)
        };
        if self.outlast(&question).await? && !request.is_unsure {
            self.refuse_found(&question).await?;
        }
        let reply = self.ask(Verb::Create, &question).await?;
        settle(Verb::Create, reply, &question)
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let question = Question {
            id: Some(&request.instance_id),
            previous: Some(&request.previous),
            key: Some(&request.idempotency_key),
            ..Question::new(&request.address, &request.params)
        };
        let reply = self.ask(Verb::Update, &question).await?;
        settle(Verb::Update, reply, &question)
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let question = Question {
            key: Some(&request.idempotency_key),
            ..existing(&request.address, &request.instance_id, &request.previous)
        };
        let Some(reply) = self.ask(Verb::Delete, &question).await? else {
            return Ok(Progress::Done(()));
        };
        match settle(Verb::Delete, Some(reply), &question)? {
            Progress::Done(_) => Ok(Progress::Done(())),
            Progress::InProgress { operation, instance_id, retry_after, outputs } => {
                Ok(Progress::InProgress { operation, instance_id, retry_after, outputs })
            }
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        let question = existing(&request.address, &request.instance_id, &request.previous);
        let reply = self.ask(Verb::Read, &question).await?;
        reply.map(|reply| live(reply, &question)).transpose()
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        let question = Question {
            id: request.instance_id.as_deref(),
            key: request.idempotency_key.as_deref(),
            ..Question::new(&request.address, &request.params)
        };
        // An id that somebody names can be read as well.
        let is_named = request.instance_id.is_some() && request.params.get("find").is_none();
        let verb = if is_named { Verb::Read } else { Verb::Find };
        let reply = self.ask(verb, &question).await?;
        reply.map(|reply| live(reply, &question)).transpose()
    }

    async fn last_operation(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        let (verb, operation) = request.operation.split_once(':').unwrap_or_default();
        let question = Question {
            id: request.instance_id.as_deref(),
            operation: Some(operation),
            ..Question::new(&request.address, &request.params)
        };
        // Only what the command says of the operation ends it, not that it cannot say anything now.
        let reply = self.ask(Verb::Read, &question).await.map_err(|error| match error.kind {
            ErrorKind::Failed => BrokerError { kind: ErrorKind::Unavailable, ..error },
            _ => error,
        })?;
        let removal = verb == Verb::Delete.as_str();
        Ok(if removal { removed(reply, &question) } else { arrived(reply, &question) })
    }
}

fn params() -> Vec<Param> {
    let command = |name, description| Param {
        // How a thing is made is no property of the thing: a mended script changes nothing.
        on_change: OnChange::Ignore,
        ..Param::new(name, ParamType::Texts, description)
    };
    vec![
        command("create", "The command, as a list of arguments, that makes it.").required(),
        command("read", "The command that shows it; prints `null` when it is gone."),
        command("update", "The command that changes it in place."),
        command("delete", "The command that removes it.").required(),
        command("find", "The command that looks for it by name; prints `null` for none."),
        Param::new("input", ParamType::Any, "What the commands get as `input`."),
        Param {
            on_change: OnChange::Ignore,
            ..Param::new("timeout", ParamType::Integer, "How many seconds a command may take.")
                .default(TIMEOUT)
                .bounds(TIMEOUTS.0, TIMEOUTS.1)
        },
        Param::new("env", ParamType::TextMap, "Environment variables for the commands."),
    ]
}

fn existing<'a>(address: &'a Address, id: &'a str, previous: &'a Previous) -> Question<'a> {
    let question = Question::new(address, &previous.params);
    Question { id: Some(id), previous: Some(previous), ..question }
}

/// What the reply to a command that changes something means.
fn settle(
    verb: Verb,
    reply: Option<Reply>,
    question: &Question<'_>,
) -> Result<Progress<Provisioned>, BrokerError> {
    let Some(reply) = reply else {
        let message = format!("`{}` printed `null`", verb.as_str());
        return Err(BrokerError::new(verb.interrupted(), message));
    };
    match reply.state {
        None | Some(State::Succeeded) => {
            let id = id_of(&reply, question);
            Ok(done(&id, reply.outputs))
        }
        Some(State::Failed) => Err(failed(&reply, question)),
        Some(State::InProgress) => {
            require_read(question.params)?;
            let operation = reply.operation.unwrap_or_default();
            Ok(Progress::InProgress {
                operation: format!("{}:{operation}", verb.as_str()),
                instance_id: reply.id.or_else(|| question.id.map(str::to_owned)),
                retry_after: None,
                outputs: reply.outputs,
            })
        }
    }
}

fn require_read(params: &Resolved) -> Result<(), BrokerError> {
    if params.get("read").is_some() {
        return Ok(());
    }
    // It ran, and may have made something.
    let message = "the command says it is in progress, and there is no `read` to ask it again";
    Err(BrokerError::new(ErrorKind::Failed, message)
        .help("Add a `read` command, or let the command wait until it is done."))
}

/// How a creation or change is doing.
fn arrived(reply: Option<Reply>, question: &Question<'_>) -> OperationState {
    let Some(reply) = reply else {
        return OperationState::Failed { description: "`read` does not see it".to_owned() };
    };
    match reply.state {
        None | Some(State::Succeeded) => {
            let instance_id = id_of(&reply, question);
            OperationState::Succeeded(Some(Provisioned::new(instance_id, reply.outputs)))
        }
        Some(State::InProgress) => OperationState::InProgress { retry_after: None },
        Some(State::Failed) => {
            OperationState::Failed { description: failed(&reply, question).message }
        }
    }
}

/// How a removal is doing. What is shown without a state is simply still there.
fn removed(reply: Option<Reply>, question: &Question<'_>) -> OperationState {
    let Some(reply) = reply else { return OperationState::Succeeded(None) };
    match reply.state {
        Some(State::Succeeded) => OperationState::Succeeded(None),
        None | Some(State::InProgress) => OperationState::InProgress { retry_after: None },
        Some(State::Failed) => {
            OperationState::Failed { description: failed(&reply, question).message }
        }
    }
}

fn live(reply: Reply, question: &Question<'_>) -> Result<Live, BrokerError> {
    if reply.state == Some(State::Failed) {
        return Err(failed(&reply, question));
    }
    let instance_id = id_of(&reply, question);
    Ok(Live::new(instance_id, question.address.name.as_str(), reply.outputs))
}

fn id_of(reply: &Reply, question: &Question<'_>) -> String {
    let known = reply.id.as_deref().or(question.id);
    let Address { service, name, .. } = question.address;
    known.map_or_else(|| format!("{service}:{name}"), str::to_owned)
}

fn failed(reply: &Reply, question: &Question<'_>) -> BrokerError {
    let description = reply.description.as_deref().unwrap_or("the command says it failed");
    BrokerError::new(ErrorKind::Failed, question.secrets().text(description))
}

fn no_command(verb: Verb, address: &Address) -> BrokerError {
    let (verb, reference) = (verb.as_str(), &address.reference);
    let message = format!("`{reference}` has no `{verb}` command");
    BrokerError::new(ErrorKind::Unsupported, message)
        .help(format!("Add `{verb} = [\"…\"]` to its params."))
}

#[cfg(test)]
mod tests;
