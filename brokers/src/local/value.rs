//! `local-value`: params as outputs, kept in the journal alone.

use async_trait::async_trait;

use provision::broker::{
    Address, Broker, BrokerError, DeprovisionRequest, FetchRequest, FindRequest, Live,
    OutputSchema, Plans, Progress, ProvisionRequest, Provisioned, Service, UpdateRequest,
};
use provision::digest;
use provision::value::{Outputs, Resolved};

use super::done;

/// Provisions values that other instances refer to.
pub(crate) struct ValueBroker {
    catalog: [Service; 1],
}

impl ValueBroker {
    pub(crate) fn new() -> Self {
        let service = Service {
            plans: Plans::Any,
            params_open: true,
            outputs: vec![
                OutputSchema::new("id", "An id made once, that stays over updates."),
                OutputSchema::new("name", "The name of the instance."),
            ],
            outputs_open: true,
            journal_only: true,
            ..super::service("local-value", "value", "Values kept in the journal alone.")
        };
        Self { catalog: [service] }
    }
}

#[async_trait]
impl Broker for ValueBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let id = fresh_id(&request.idempotency_key);
        let instance_id = format!("local-value:{}", request.address.name);
        Ok(done(&instance_id, outputs(&id, &request.address, &request.params)))
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let previous = &request.previous;
        // A param called `id` hid the made one, which is lost then.
        let kept = previous.outputs.text("id").filter(|_| previous.params.get("id").is_none());
        let id = kept.map_or_else(|| fresh_id(&request.idempotency_key), str::to_owned);
        Ok(done(&request.instance_id, outputs(&id, &request.address, &request.params)))
    }

    async fn deprovision(&self, _: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        Ok(Progress::Done(()))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        let believed = request.previous.outputs.0.iter();
        let outputs = believed
            .fold(Outputs::default(), |outputs, (key, value)| outputs.with(key, value.clone()));
        Ok(Some(Live::new(&request.instance_id, request.address.name.as_str(), outputs)))
    }

    async fn find(&self, _: &FindRequest) -> Result<Option<Live>, BrokerError> {
        Ok(None)
    }
}

fn outputs(id: &str, address: &Address, params: &Resolved) -> Outputs {
    let made = Outputs::default().with("id", id).with("name", address.name.as_str());
    params.0.iter().fold(made, |outputs, (key, value)| outputs.with(key, value.clone()))
}

fn fresh_id(idempotency_key: &str) -> String {
    let digest = digest::of_bytes(idempotency_key.as_bytes());
    let hex = digest.trim_start_matches("sha256:");
    format!("v-{}", hex.get(..16).unwrap_or(hex))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Desk, output};
    use super::*;

    fn desk() -> Desk {
        Desk::new(|_| ValueBroker::new())
    }

    #[tokio::test]
    async fn params_come_out_under_their_keys() {
        let desk = desk();
        let made = desk.create(json!({ "size": 3, "tags": ["a"] })).await.unwrap();
        assert_eq!(made.instance_id, "local-value:thing");
        assert_eq!(output(&made, "name"), "thing");
        assert_eq!(output(&made, "size"), 3);
        assert_eq!(output(&made, "tags"), json!(["a"]));
        assert!(desk.service().yields("anything"));
    }

    #[tokio::test]
    async fn the_id_is_one_per_creation_and_stays_over_updates() {
        let desk = desk();
        let made = desk.create(json!({ "size": 3 })).await.unwrap();
        assert_eq!(made, desk.create(json!({ "size": 3 })).await.unwrap());
        let id = output(&made, "id").as_str().unwrap().to_owned();
        assert!(id.starts_with("v-") && id.len() == 18, "{id}");

        let changed = desk.update(&made, json!({ "size": 3 }), json!({ "size": 4 })).await.unwrap();
        assert_eq!(output(&changed, "id"), id.as_str());
        assert_eq!(output(&changed, "size"), 4);
        assert_eq!(changed.instance_id, made.instance_id);
    }

    #[tokio::test]
    async fn a_param_called_id_wins_while_it_is_there() {
        let desk = desk();
        let made = desk.create(json!({ "id": "mine" })).await.unwrap();
        assert_eq!(output(&made, "id"), "mine");
        let changed = desk.update(&made, json!({ "id": "mine" }), json!({})).await.unwrap();
        assert_ne!(output(&changed, "id"), "mine");
    }

    #[tokio::test]
    async fn it_is_what_the_journal_says() {
        let desk = desk();
        let made = desk.create(json!({ "size": 3 })).await.unwrap();
        let live = desk.fetch(&made, json!({ "size": 3 })).await.unwrap().unwrap();
        assert_eq!(live.outputs, made.outputs);
        assert_eq!(desk.find(json!({ "size": 3 })).await.unwrap(), None);
        desk.delete(&made, json!({ "size": 3 })).await.unwrap();
    }
}
