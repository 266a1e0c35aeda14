//! Waits for the end of what a provider has accepted and works on.

use std::time::Duration;

use super::event::Outcome;
use super::retry;
use super::settle::{done, failed, retrying};
use super::worker::{Resolution, Shared, TaskError};
use crate::broker::{
    Address, BrokerError, ErrorKind, OperationRequest, OperationState, Previous, Provisioned,
};
use crate::observe;
use crate::state::{Instance, Verb};
use crate::value::{Outputs, Resolved};

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

pub(super) fn question(
    entry: &Instance,
    operation: String,
    previous: &Previous,
    address: Address,
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

/// How many questions in a row may go unanswered.
const UNANSWERED_MAX: u32 = 40;

/// Asks until the operation has ended, ever more rarely, for as long as the service may take. An
/// unanswered question is asked again: only the operation's own end ends it.
pub(super) async fn poll(
    shared: &Shared<'_>,
    entry: &Instance,
    mut question: OperationRequest,
    mut retry_after: Option<Duration>,
) -> Result<Option<Provisioned>, TaskError> {
    let broker = shared.broker(&entry.service)?;
    let deadline = shared.service(&entry.service)?.deadline;
    let started = shared.world.clock.now();
    let mut elapsed = Duration::ZERO;
    let (mut asked, mut unanswered) = (0, 0);
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
            Ok(OperationState::InProgress { retry_after: wanted }) => {
                (retry_after, unanswered) = (wanted, 0);
            }
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Unknown) => {
                unanswered += 1;
                if unanswered == UNANSWERED_MAX {
                    return Err(unheard(&error).into());
                }
                retry_after = error.retry_after;
                let delay = retry::poll_pause(asked, retry_after);
                shared.tell(&retrying(shared, entry, &error, delay));
            }
            Err(error) => return Err(error.into()),
        }
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

fn unheard(error: &BrokerError) -> BrokerError {
    let message =
        format!("{UNANSWERED_MAX} questions about it went unanswered, the last one so: {error}");
    BrokerError::new(ErrorKind::Unknown, message)
        .help("It is recorded: the next `prov apply` goes on asking.")
}
