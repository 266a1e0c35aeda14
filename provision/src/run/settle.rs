//! Calls that change the world, and finding out how they ended.

use std::time::Duration;

use super::event::{Outcome, RunEvent};
use super::retry;
use super::worker::{Resolution, Shared, TaskError};
use crate::broker::{
    BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Finding, Live,
    OperationRequest, OperationState, Previous, Progress, Provisioned, Service, UpdateRequest,
};
use crate::name::Name;
use crate::observe;
use crate::state::{Event, Instance, Status, Verb};
use crate::value::{Outputs, Resolved};

/// Makes an instance whose beginning is recorded.
pub(super) async fn provision(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
) -> Result<Outcome, TaskError> {
    ask(shared, resolution, entry, false).await
}

async fn ask(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    is_unsure: bool,
) -> Result<Outcome, TaskError> {
    let request = shared.provision_request(resolution, &entry, is_unsure);
    let broker = shared.broker(&resolution.spec.service)?;
    let mut attempt = 1;
    let answer = loop {
        match broker.provision(&request).await {
            Err(error) => match retry::pause(&error, attempt) {
                Some(delay) => again(shared, &entry, &error, delay).await,
                None => break Err(error),
            },
            answer => break answer,
        }
        attempt += 1;
    };
    match answer {
        Ok(Progress::Done(provisioned)) => done(shared, resolution, entry, provisioned).await,
        Ok(Progress::InProgress { operation, instance_id, retry_after, outputs }) => {
            let entry = shared.with_once(resolution, entry, outputs)?;
            let accepted = accepted(shared, entry, operation, instance_id).await?;
            wait(shared, resolution, accepted, retry_after).await
        }
        Err(error) => {
            // What an earlier attempt made is not unmade by a failure of this one.
            let error = match is_unsure {
                true => BrokerError { kind: ErrorKind::Unknown, ..error },
                false => error,
            };
            let is_final = shared.service(&entry.service)?.finding == Finding::Never;
            let error = match error.kind {
                ErrorKind::Unknown if is_final => error.help(ways_on(&entry.reference)),
                _ => error,
            };
            Err(failed(shared, entry, error).await?)
        }
    }
}

/// Goes on with a creation of which it is not known whether it was asked for: takes over what it
/// made, or else `entry` is what is to be made now. The provider is asked first by the idempotency
/// key, then in the other ways of the service.
pub(super) async fn resume(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    begun: &Instance,
) -> Result<Outcome, TaskError> {
    let service = shared.service(&resolution.spec.service)?;
    if service.journal_only {
        return provision(shared, resolution, entry).await;
    }
    let is_unsure = begun.status != Status::Failed;
    if is_repeatable(shared, service, (&entry, begun)) {
        return match begin(shared, resolution, entry.clone(), is_unsure).await {
            // What failed may be the attempt of the earlier run; this one has its own.
            Err(TaskError::Broker(error)) if error.kind == ErrorKind::Failed => {
                anew(shared, resolution, entry).await
            }
            ended => ended,
        };
    }
    let found = match service.finding.can_look() {
        true => shared.find_begun(resolution, &entry, begun).await,
        // The provider said that it failed; there is no way to look whether half of it is there.
        false if !is_unsure => Ok(None),
        false => return Err(unknown_outcome(&resolution.spec.reference).into()),
    };
    match found {
        Ok(Some((live, previous))) => {
            let completed = complete(shared, resolution, entry.clone(), (live, previous)).await;
            match completed {
                Err(TaskError::Broker(error)) if error.kind == ErrorKind::NotFound => {
                    // The provider was still at work on it, and has given it up.
                    anew(shared, resolution, entry).await
                }
                ended => ended,
            }
        }
        Ok(None) => begin(shared, resolution, entry, is_unsure).await,
        Err(error) if is_unsupported(&error) && is_unsure => {
            Err(unknown_outcome(&resolution.spec.reference).into())
        }
        Err(error) if is_unsupported(&error) => {
            shared.recorder.record(Event::Begin(Box::new(entry.clone()))).await?;
            provision(shared, resolution, entry).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the creation can be asked for once more under the key that it was begun with: what it made
/// is answered then, with all that is shown once, and nothing is made twice.
fn is_repeatable(shared: &Shared<'_>, service: &Service, both: (&Instance, &Instance)) -> bool {
    let (entry, begun) = both;
    let (Some(lifetime), Some(now), Some(then)) =
        (service.finding.repeatable_for(), entry.operation.as_ref(), begun.operation.as_ref())
    else {
        return false;
    };
    let age = shared.world.clock.now().duration_since(then.since);
    // A clock that was set back says nothing about the age of a key.
    let is_young = Duration::try_from(age).is_ok_and(|age| age + service.deadline < lifetime);
    now.key == then.key && is_young
}

/// Asks for what an earlier run asked for in vain, under a key of its own.
async fn anew(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
) -> Result<Outcome, TaskError> {
    let operation = Some(shared.operation(Verb::Provision));
    begin(shared, resolution, Instance { operation, ..entry }, false).await
}

/// Records a beginning and asks for it.
async fn begin(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    is_unsure: bool,
) -> Result<Outcome, TaskError> {
    shared.recorder.record(Event::Begin(Box::new(entry.clone()))).await?;
    ask(shared, resolution, entry, is_unsure).await
}

fn is_unsupported(error: &BrokerError) -> bool {
    error.kind == ErrorKind::Unsupported
}

/// Takes over what an interrupted creation made. It may be half made, so it is brought to what is
/// declared, unless the service cannot change anything in place.
pub(super) async fn complete(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    (live, previous): (Live, Previous),
) -> Result<Outcome, TaskError> {
    let outputs = live.outputs.0.iter();
    let outputs = outputs.map(|(key, output)| (key.to_string(), output.value.clone())).collect();
    let request = UpdateRequest {
        address: resolution.address.clone(),
        instance_id: live.instance_id.clone(),
        plan: resolution.spec.plan.clone(),
        params: resolution.params.clone(),
        previous: Previous { outputs: Resolved(outputs), ..previous },
        idempotency_key: shared.operation(Verb::Update).key,
    };
    match ask_update(shared, &entry, &request).await {
        Ok(Progress::Done(provisioned)) => done(shared, resolution, entry, provisioned).await,
        Ok(Progress::InProgress { operation, instance_id, retry_after, outputs }) => {
            let instance_id = instance_id.or(Some(live.instance_id));
            let entry = shared.with_once(resolution, entry, outputs)?;
            let entry = accepted(shared, entry, operation, instance_id).await?;
            wait(shared, resolution, entry, retry_after).await
        }
        Err(error) if error.kind == ErrorKind::Unsupported => {
            let provisioned = Provisioned::from(live);
            done(shared, resolution, entry, provisioned).await
        }
        Err(error) => Err(error.into()),
    }
}

fn unknown_outcome(reference: &Name) -> BrokerError {
    BrokerError::new(
        ErrorKind::Unknown,
        format!(
            "nobody knows how the creation of `{reference}` ended, and its service cannot look"
        ),
    )
    .help(ways_on(reference))
}

/// What a person can do where nothing can be asked.
fn ways_on(reference: &Name) -> String {
    format!(
        "Look at the provider. If it is there: `prov import {reference} ID`. If it is not: \
         `prov state rm {reference}`, then apply again."
    )
}

/// Changes an instance in place.
pub(super) async fn update(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    (old, request): (&Instance, &UpdateRequest),
) -> Result<Outcome, TaskError> {
    match ask_update(shared, &entry, request).await {
        Ok(Progress::Done(provisioned)) => done(shared, resolution, entry, provisioned).await,
        Ok(Progress::InProgress { operation, instance_id, retry_after, outputs }) => {
            // The journal keeps saying what was, until the change has ended.
            let begun = Instance { operation: entry.operation.clone(), ..old.clone() };
            let begun = shared.with_once(resolution, begun, outputs)?;
            let begun = accepted(shared, begun, operation, instance_id).await?;
            let sensitive = begun.sensitive.clone();
            let entry = Instance { operation: begun.operation, sensitive, ..entry };
            wait(shared, resolution, entry, retry_after).await
        }
        Err(error) if is_unsupported(&error) && is_as_declared(old, &entry) => {
            unchanged(shared, resolution, entry, request).await
        }
        Err(error) => {
            let unchanged = Instance { operation: entry.operation, ..old.clone() };
            Err(failed(shared, unchanged, error).await?)
        }
    }
}

fn is_as_declared(old: &Instance, entry: &Instance) -> bool {
    old.inputs.is_some() && old.inputs == entry.inputs
}

/// Takes what cannot change for what is declared, after a failure that changed nothing of it: that of
/// its removal.
async fn unchanged(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    update: &UpdateRequest,
) -> Result<Outcome, TaskError> {
    let UpdateRequest { address, instance_id, previous, .. } = update.clone();
    let request = FetchRequest { address, instance_id, previous };
    match shared.broker(&request.address.service)?.fetch(&request).await {
        Ok(Some(live)) => done(shared, resolution, entry, live.into()).await,
        Ok(None) => {
            let message = format!("`{}` is gone", request.address.reference);
            let error = BrokerError::new(ErrorKind::NotFound, message);
            Err(failed(shared, entry, error).await?)
        }
        Err(error) => Err(failed(shared, entry, error).await?),
    }
}

async fn ask_update(
    shared: &Shared<'_>,
    entry: &Instance,
    request: &UpdateRequest,
) -> Result<Progress<Provisioned>, BrokerError> {
    let broker = shared.broker(&request.address.service)?;
    let mut attempt = 1;
    loop {
        match broker.update(request).await {
            Err(error) => match retry::pause(&error, attempt) {
                Some(delay) => again(shared, entry, &error, delay).await,
                None => return Err(error),
            },
            answer => return answer,
        }
        attempt += 1;
    }
}

/// Waits until a creation or change that an earlier run left under way has ended, however it ends;
/// the instance, when the provider says which.
pub(super) async fn outlast(
    shared: &Shared<'_>,
    entry: &Instance,
    previous: &Previous,
) -> Result<Option<Provisioned>, TaskError> {
    Ok(outlast_any(shared, entry, previous, |verb| verb != Verb::Deprovision).await?.flatten())
}

/// What an accepted operation of an earlier run came to; `None` when there is none, or it failed: that
/// was the earlier run's attempt.
async fn outlast_any(
    shared: &Shared<'_>,
    entry: &Instance,
    previous: &Previous,
    is_meant: impl Fn(Verb) -> bool,
) -> Result<Option<Option<Provisioned>>, TaskError> {
    let operation = entry.operation.as_ref().filter(|operation| is_meant(operation.verb));
    let Some(accepted) = operation.and_then(|operation| operation.accepted.clone()) else {
        return Ok(None);
    };
    let address = observe::address(&shared.recorder.journal(), entry);
    let question = question(entry, accepted, previous, address);
    match poll(shared, entry, question, None).await {
        Err(TaskError::Broker(error)) if error.kind == ErrorKind::Failed => Ok(None),
        ended => ended.map(Some),
    }
}

/// The entry with the id of the object behind it, when there is one to destroy: what an interrupted
/// creation made is found first, since nothing may be forgotten that somebody pays for.
pub(super) async fn existing(
    shared: &Shared<'_>,
    entry: &Instance,
) -> Result<Option<Instance>, TaskError> {
    let previous = shared.previous(entry);
    let made = outlast(shared, entry, &previous).await?.map(|made| made.instance_id);
    let operation = entry.operation.as_ref().filter(|op| op.verb == Verb::Provision);
    let service = shared.service(&entry.service)?;
    let is_lost = made.is_none() && !entry.exists() && !service.journal_only;
    let id = match operation.filter(|op| is_lost && op.accepted.is_none()) {
        Some(operation) => {
            if !service.finding.can_look() && entry.status != Status::Failed {
                return Err(unknown_outcome(&entry.reference).into());
            }
            let request = FindRequest {
                is_unsure: entry.status != Status::Failed,
                known: shared.recorder.journal().instances.ids(entry.service.as_str()),
                address: observe::address(&shared.recorder.journal(), entry),
                params: previous.params,
                instance_id: None,
                idempotency_key: Some(operation.key.clone()),
            };
            let found = match shared.broker(&entry.service)?.find(&request).await {
                Err(error) if is_unsupported(&error) && entry.status == Status::Failed => None,
                found => found?,
            };
            found.map(|live| live.instance_id)
        }
        None => made,
    };
    let instance_id = id.unwrap_or_else(|| entry.instance_id.clone());
    Ok((!instance_id.is_empty()).then(|| Instance { instance_id, ..entry.clone() }))
}

/// Destroys an instance whose removal is recorded as begun.
pub(super) async fn deprovision(
    shared: &Shared<'_>,
    entry: Instance,
    request: &DeprovisionRequest,
) -> Result<(), TaskError> {
    match deprovision_call(shared, &entry, request).await {
        Ok(()) => Ok(()),
        Err(TaskError::Broker(error)) => Err(failed(shared, entry, error).await?),
        Err(error) => Err(error),
    }
}

/// Asks for a removal and waits until it has ended.
pub(super) async fn deprovision_call(
    shared: &Shared<'_>,
    entry: &Instance,
    request: &DeprovisionRequest,
) -> Result<(), TaskError> {
    let accepted = ask_removal(shared, entry, request).await?;
    let Some((operation, retry_after)) = accepted else { return Ok(()) };
    let question = question(entry, operation, &request.previous, request.address.clone());
    match poll(shared, entry, question, retry_after).await {
        Err(TaskError::Broker(error)) if error.kind == ErrorKind::NotFound => Ok(()),
        ended => ended.map(|_| ()),
    }
}

/// Waits until a removal that an earlier run left under way has ended; whether it ended well. One that
/// failed was that run's attempt.
pub(super) async fn outlast_removal(
    shared: &Shared<'_>,
    entry: &Instance,
    previous: &Previous,
) -> Result<bool, TaskError> {
    match outlast_any(shared, entry, previous, |verb| verb == Verb::Deprovision).await {
        Err(TaskError::Broker(error)) if error.kind == ErrorKind::NotFound => Ok(true),
        ended => ended.map(|ended| ended.is_some()),
    }
}

type Accepted = Option<(String, Option<Duration>)>;

async fn ask_removal(
    shared: &Shared<'_>,
    entry: &Instance,
    request: &DeprovisionRequest,
) -> Result<Accepted, TaskError> {
    let broker = shared.broker(&entry.service)?;
    let mut attempt = 1;
    loop {
        match broker.deprovision(request).await {
            Ok(Progress::Done(())) => return Ok(None),
            Ok(Progress::InProgress { operation, retry_after, .. }) => {
                if entry.operation.is_some() {
                    accepted(shared, entry.clone(), operation.clone(), None).await?;
                }
                return Ok(Some((operation, retry_after)));
            }
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => match retry::pause(&error, attempt) {
                Some(delay) => again(shared, entry, &error, delay).await,
                None => return Err(error.into()),
            },
        }
        attempt += 1;
    }
}

async fn again(shared: &Shared<'_>, entry: &Instance, error: &BrokerError, delay: Duration) {
    shared.tell(&RunEvent::Retrying {
        reference: entry.reference.clone(),
        reason: shared.secrets.redact(&error.to_string()),
        delay,
    });
    shared.world.clock.sleep(delay).await;
}

async fn done(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    provisioned: Provisioned,
) -> Result<Outcome, TaskError> {
    let service = shared.service(&resolution.spec.service)?;
    let both = (&resolution.params, &provisioned.params);
    let differing = observe::differing(Some(service), both, &resolution.secrets);
    let entry = shared.finished(resolution, entry, provisioned)?;
    shared.recorder.record(Event::Done(Box::new(entry))).await?;
    if !differing.is_empty() {
        let reference = resolution.spec.reference.clone();
        shared.tell(&RunEvent::Differs { reference, params: differing });
    }
    Ok(Outcome::Done)
}

async fn accepted(
    shared: &Shared<'_>,
    mut entry: Instance,
    name: String,
    instance_id: Option<String>,
) -> Result<Instance, TaskError> {
    if let Some(operation) = &mut entry.operation {
        operation.accepted = Some(name);
    }
    if let Some(id) = instance_id {
        entry.instance_id = id;
    }
    shared.recorder.record(Event::Accepted(Box::new(entry.clone()))).await?;
    Ok(entry)
}

/// Records a failure. One whose outcome is unknown keeps its operation, so that the next run
/// settles it before anything else is made; so does a creation, which may have failed half way.
async fn failed(
    shared: &Shared<'_>,
    mut entry: Instance,
    error: BrokerError,
) -> Result<TaskError, TaskError> {
    entry.last_error = Some(shared.secrets.redact(&error.to_string()));
    entry.updated_at = Some(shared.world.clock.now());
    if error.kind != ErrorKind::Unknown {
        let is_creation = entry.operation.as_ref().is_some_and(|op| op.verb == Verb::Provision);
        // A refusal made nothing: what is found in its place later is somebody else's.
        let is_refused = matches!(
            error.kind,
            ErrorKind::Conflict
                | ErrorKind::Invalid
                | ErrorKind::Unauthorized
                | ErrorKind::Unavailable
        );
        let is_refusal = is_refused && !entry.exists();
        let is_local = shared.service(&entry.service).is_ok_and(|s| s.journal_only);
        if !is_creation || is_local || is_refusal {
            entry.operation = None;
        } else if let Some(operation) = &mut entry.operation {
            operation.accepted = None;
        }
        entry.status = Status::Failed;
    }
    shared.recorder.record(Event::Failed(Box::new(entry))).await?;
    Ok(error.into())
}

fn question(
    entry: &Instance,
    operation: String,
    previous: &Previous,
    address: crate::broker::Address,
) -> OperationRequest {
    OperationRequest {
        address,
        instance_id: entry.exists().then(|| entry.instance_id.clone()),
        operation,
        params: Resolved(previous.params.0.clone()),
        waited: waited(entry),
    }
}

/// How long earlier runs have waited for the end of an operation. What was accepted and has an error
/// all the same was waited for in vain: to wait as long again would show nothing new.
fn waited(entry: &Instance) -> Duration {
    entry.last_error.as_ref().map_or(Duration::ZERO, |_| Duration::MAX)
}

/// Waits for the end of an accepted creation or change.
pub(super) async fn wait(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    retry_after: Option<Duration>,
) -> Result<Outcome, TaskError> {
    let operation = entry.operation.as_ref().and_then(|operation| operation.accepted.clone());
    let is_creation = entry.operation.as_ref().is_some_and(|op| op.verb == Verb::Provision);
    let question = OperationRequest {
        address: resolution.address.clone(),
        instance_id: entry.exists().then(|| entry.instance_id.clone()),
        operation: operation.unwrap_or_default(),
        params: resolution.params.clone(),
        waited: waited(&entry),
    };
    match poll(shared, &entry, question, retry_after).await {
        Ok(Some(provisioned)) => done(shared, resolution, entry, provisioned).await,
        Ok(None) => {
            let provisioned = Provisioned::new(&entry.instance_id, Outputs::default());
            done(shared, resolution, entry, provisioned).await
        }
        Err(TaskError::Broker(error)) if error.kind == ErrorKind::Failed => {
            Err(failed(shared, entry, error).await?)
        }
        Err(TaskError::Broker(error)) if error.kind == ErrorKind::NotFound && is_creation => {
            // It was made and cannot be seen: its operation stays, so that it is asked about again.
            Err(failed(shared, entry, BrokerError { kind: ErrorKind::Unknown, ..error }).await?)
        }
        Err(error) => Err(error),
    }
}

/// Asks until the operation has ended, ever more rarely, for as long as the service may take. An
/// unanswered question is asked again: only the operation's own end ends it.
async fn poll(
    shared: &Shared<'_>,
    entry: &Instance,
    mut question: OperationRequest,
    mut retry_after: Option<Duration>,
) -> Result<Option<Provisioned>, TaskError> {
    let broker = shared.broker(&entry.service)?;
    let deadline = shared.service(&entry.service)?.deadline;
    let started = shared.world.clock.now();
    let mut elapsed = Duration::ZERO;
    let mut asked = 0;
    while elapsed < deadline {
        let pause = retry::poll_pause(asked, retry_after).min(deadline - elapsed);
        shared.world.clock.sleep(pause).await;
        elapsed += pause;
        question.waited = question.waited.saturating_add(pause);
        asked += 1;
        let answer = broker.last_operation(&question).await;
        match answer {
            Ok(OperationState::Succeeded(provisioned)) => return Ok(provisioned),
            Ok(OperationState::Failed { description }) => {
                return Err(BrokerError::new(ErrorKind::Failed, description).into());
            }
            Ok(OperationState::InProgress { retry_after: wanted }) => retry_after = wanted,
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Unknown) => {
                retry_after = error.retry_after;
            }
            Err(error) => return Err(error.into()),
        }
        shared.tell(&RunEvent::Waiting { reference: entry.reference.clone(), elapsed });
        // A provider that hangs takes its time with every question.
        let passed = shared.world.clock.now().duration_since(started);
        if Duration::try_from(passed).is_ok_and(|passed| passed >= deadline) {
            elapsed = elapsed.max(deadline);
        }
    }
    let message = format!("the provider is still working on it after {} s", elapsed.as_secs());
    Err(BrokerError::new(ErrorKind::Unknown, message)
        .help("It is recorded: the next `prov apply` goes on waiting for it.")
        .into())
}
