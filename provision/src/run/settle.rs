//! Calls that change the world, and finding out how they ended.

use std::time::Duration;

use super::event::{Outcome, RunEvent};
use super::operation::{outlast, poll, question, wait};
use super::retry;
use super::worker::{Resolution, Shared, TaskError};
use crate::broker::{
    BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Finding, Live, Previous,
    Progress, Provisioned, Service, UpdateRequest,
};
use crate::name::Name;
use crate::observe;
use crate::state::{Event, Instance, Origin, Status, Verb};
use crate::value::Resolved;

/// How often what was found and is not there is looked for again: for half a minute.
const LOOKS_MAX: u32 = 8;

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
            let service = shared.service(&entry.service)?;
            let is_lost = *service.finding_of(entry.params.as_ref()) == Finding::Never;
            // Where it depends on the instance, the broker knows better what is to be done first.
            let is_told = service.find_with.is_some() && error.help.is_some();
            let error = match error.kind {
                ErrorKind::Unknown if is_lost && !is_told => error.help(ways_on(&entry.reference)),
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
    if !is_repeatable(shared, service, (&entry, begun)) {
        return look(shared, resolution, entry, begun).await;
    }
    let is_unsure = begun.status != Status::Failed;
    match begin(shared, resolution, entry.clone(), is_unsure).await {
        Err(TaskError::Broker(error)) if error.kind == ErrorKind::Failed => {
            // What failed may be the attempt of the earlier run, and have left something behind; this
            // run has its own.
            let failed = shared.entry(&entry.reference).unwrap_or_else(|| begun.clone());
            let operation = Some(shared.operation(Verb::Provision));
            let instance_id = failed.instance_id.clone();
            look(shared, resolution, Instance { operation, instance_id, ..entry }, &failed).await
        }
        ended => ended,
    }
}

/// Takes over what was begun where it can be found, and makes it where it is not there.
async fn look(
    shared: &Shared<'_>,
    resolution: &Resolution<'_>,
    entry: Instance,
    begun: &Instance,
) -> Result<Outcome, TaskError> {
    let is_unsure = begun.status != Status::Failed;
    let is_blind = !shared.service(&resolution.spec.service)?.finding.can_look();
    let mut vanished = 0;
    loop {
        let found = match is_blind {
            true => Err(BrokerError::unsupported(&resolution.address, "looking for it")),
            false => shared.find_begun(resolution, &entry, begun).await,
        };
        match found {
            Ok(Some(found)) => match complete(shared, resolution, entry.clone(), found).await {
                // It is listed and not yet to be read, or still listed and given up since.
                Err(TaskError::Broker(error))
                    if error.kind == ErrorKind::NotFound && vanished < LOOKS_MAX =>
                {
                    shared.world.clock.sleep(retry::poll_pause(vanished, None)).await;
                    vanished += 1;
                }
                ended => return ended,
            },
            // What had an id is gone: nothing that is made now may pass for it.
            Ok(None) if vanished > 0 => return anew(shared, resolution, unnamed(entry)).await,
            Ok(None) => return begin(shared, resolution, unnamed(entry), is_unsure).await,
            Err(error) if is_unsupported(&error) && is_unsure => {
                return Err(unknown_outcome(&resolution.spec.reference).into());
            }
            // The provider said that it failed; there is no way to see whether half of it is there.
            Err(error) if is_unsupported(&error) => {
                return begin(shared, resolution, unnamed(entry), false).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn unnamed(entry: Instance) -> Instance {
    Instance { instance_id: String::new(), ..entry }
}

/// Whether the creation can be asked for once more under the key that it was begun with: what it made
/// is answered then, with all that is shown once, and nothing is made twice.
fn is_repeatable(shared: &Shared<'_>, service: &Service, both: (&Instance, &Instance)) -> bool {
    let (entry, begun) = both;
    // What has an id is read by it: under this key nothing may ever have been asked for.
    if begun.exists() {
        return false;
    }
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
        Err(error) => {
            let is_kept = is_unsupported(&error) && is_as_declared(old, &entry);
            let error = match is_kept {
                true => match seen(shared, request).await {
                    Ok(live) => return done(shared, resolution, entry, live.into()).await,
                    Err(error) => error,
                },
                false => error,
            };
            let unchanged = Instance { operation: entry.operation, ..old.clone() };
            Err(failed(shared, unchanged, error).await?)
        }
    }
}

/// Whether what cannot change may be taken for what is declared: after a failure that changed nothing of
/// it, that of its removal, or where somebody gave it to us.
fn is_as_declared(old: &Instance, entry: &Instance) -> bool {
    old.inputs.is_none() && old.origin == Origin::Adopted
        || old.inputs.is_some() && old.inputs == entry.inputs
}

/// What is there of an instance that was to be changed.
async fn seen(shared: &Shared<'_>, update: &UpdateRequest) -> Result<Live, BrokerError> {
    let UpdateRequest { address, instance_id, previous, .. } = update.clone();
    let request = FetchRequest { address, instance_id, previous };
    let live = shared.broker(&request.address.service)?.fetch(&request).await?;
    live.ok_or_else(|| {
        let message = format!("`{}` is gone", request.address.reference);
        BrokerError::new(ErrorKind::NotFound, message)
    })
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
    let id = match operation.filter(|_| is_lost) {
        Some(operation) => {
            // What was accepted and has no end that made something, the provider says has failed.
            let is_open = entry.status != Status::Failed && operation.accepted.is_none();
            if !service.finding.can_look() {
                return if is_open {
                    Err(unknown_outcome(&entry.reference).into())
                } else {
                    Ok(None)
                };
            }
            let request = FindRequest {
                is_unsure: true,
                known: shared.recorder.journal().instances.ids(entry.service.as_str()),
                address: observe::address(&shared.recorder.journal(), entry),
                params: previous.params,
                instance_id: None,
                idempotency_key: Some(operation.key.clone()),
            };
            let found = match shared.broker(&entry.service)?.find(&request).await {
                Err(error) if is_unsupported(&error) && !is_open => None,
                Err(error) if is_unsupported(&error) => {
                    return Err(unknown_outcome(&entry.reference).into());
                }
                found => found?,
            };
            found.map(|live| live.instance_id)
        }
        None => made,
    };
    let instance_id = id.unwrap_or_else(|| entry.instance_id.clone());
    Ok((!instance_id.is_empty()).then(|| Instance { instance_id, ..entry.clone() }))
}

/// Destroys an instance whose removal is recorded as begun; `is_unsure` when an earlier run asked for it
/// too, and nobody knows how that ended.
pub(super) async fn deprovision(
    shared: &Shared<'_>,
    entry: Instance,
    request: &DeprovisionRequest,
    is_unsure: bool,
) -> Result<(), TaskError> {
    match deprovision_call(shared, &entry, request).await {
        Ok(()) => Ok(()),
        // An earlier run's may have been faster, and this one fail for want of anything to remove.
        Err(TaskError::Broker(error))
            if error.kind == ErrorKind::Failed && is_gone(shared, request).await =>
        {
            Ok(())
        }
        Err(TaskError::Broker(error)) => {
            // That this attempt failed does not end the one before it.
            let kind = if is_unsure { ErrorKind::Unknown } else { error.kind };
            Err(failed(shared, entry, BrokerError { kind, ..error }).await?)
        }
        Err(error) => Err(error),
    }
}

/// Whether what is to be removed is surely not there.
async fn is_gone(shared: &Shared<'_>, removal: &DeprovisionRequest) -> bool {
    let DeprovisionRequest { address, instance_id, previous, .. } = removal.clone();
    let Ok(broker) = shared.broker(&address.service) else { return false };
    let request = FetchRequest { address, instance_id, previous };
    matches!(broker.fetch(&request).await, Ok(None))
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
    shared.tell(&retrying(shared, entry, error, delay));
    shared.world.clock.sleep(delay).await;
}

/// That something failed and is tried again.
pub(super) fn retrying(
    shared: &Shared<'_>,
    entry: &Instance,
    error: &BrokerError,
    delay: Duration,
) -> RunEvent {
    let reason = shared.secrets.redact(&error.to_string());
    RunEvent::Retrying { reference: entry.reference.clone(), reason, delay }
}

pub(super) async fn done(
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
pub(super) async fn failed(
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
