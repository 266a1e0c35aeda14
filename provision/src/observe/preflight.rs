//! What stands against a plan, before it is begun.

use futures_util::stream::{self, StreamExt as _};

use super::{known_params, spec_address};
use crate::broker::{BrokerError, PreflightRequest, ReplaceOrder};
use crate::config::Desired;
use crate::name::Name;
use crate::plan::{Plan, Step, Work};
use crate::state::{Instance, Journal, Verb};
use crate::world::World;

/// Everything that can be said against a plan before it is begun. Changes nothing.
pub async fn preflight(
    plan: &Plan,
    desired: &Desired,
    journal: &Journal,
    world: &World,
) -> Vec<(Name, BrokerError)> {
    let examine = |step: &Step| {
        let is_change = matches!(step.work, Work::Provision | Work::Update | Work::Replace(_));
        let spec = desired.instances.get(step.spec.filter(|_| is_change)?)?;
        let broker = world.catalog.broker(spec.service.as_str())?;
        let makes = matches!(step.work, Work::Provision | Work::Replace(ReplaceOrder::CreateFirst));
        let begun = journal.instances.get(spec.reference.as_str());
        let is_creation = |entry: &Instance| {
            entry.operation.as_ref().is_some_and(|operation| operation.verb == Verb::Provision)
        };
        let is_begun = begun.is_some_and(is_creation);
        let request = PreflightRequest {
            address: spec_address(spec, journal),
            params: known_params(spec, desired, journal, world)?,
            is_new: makes && !is_begun,
            known: journal.instances.ids(spec.service.as_str()),
        };
        let reference = spec.reference.clone();
        Some(async move {
            let problems = broker.preflight(&request).await;
            problems.into_iter().map(|problem| (reference.clone(), problem)).collect::<Vec<_>>()
        })
    };
    let questions: Vec<_> = plan.steps.iter().filter_map(examine).collect();
    let answers: Vec<Vec<_>> = stream::iter(questions).buffered(16).collect().await;
    answers.into_iter().flatten().collect()
}
