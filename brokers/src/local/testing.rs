//! The vocabulary of the tests: a project folder, and a desk where one broker is asked for things.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::TempDir;

use provision::broker::{
    Address, Broker, BrokerError, DeprovisionRequest, FetchRequest, FindRequest, KnownIds, Live,
    OperationRequest, OperationState, Previous, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::name::Name;
use provision::value::Resolved;

use super::Settings;

pub(super) struct Project(TempDir);

impl Project {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn settings(&self) -> Settings {
        Settings { root: self.0.path().to_owned(), allow_outside: false }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(super) fn real(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap().join(path)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    #[cfg(unix)]
    pub(super) fn link(&self, path: &str, to: &Path) {
        std::os::unix::fs::symlink(to, self.path(path)).unwrap();
    }
}

/// Asks one broker about the instance `thing`.
pub(super) struct Desk {
    pub(super) project: Project,
    broker: Box<dyn Broker>,
}

impl Desk {
    pub(super) fn new<B: Broker + 'static>(make: impl FnOnce(&Settings) -> B) -> Self {
        let project = Project::new();
        let broker = Box::new(make(&project.settings()));
        Self { project, broker }
    }

    pub(super) fn service(&self) -> &Service {
        &self.broker.catalog()[0]
    }

    fn address(&self) -> Address {
        address(self.service().id.as_str())
    }

    pub(super) async fn start(&self, params: Value) -> Result<Progress<Provisioned>, BrokerError> {
        let request = ProvisionRequest {
            known: KnownIds::default(),
            is_unsure: false,
            address: self.address(),
            plan: None,
            params: resolved(params),
            idempotency_key: "key-1".to_owned(),
        };
        self.broker.provision(&request).await
    }

    pub(super) async fn create(&self, params: Value) -> Result<Provisioned, BrokerError> {
        self.start(params).await.map(finished)
    }

    pub(super) async fn update(
        &self,
        made: &Provisioned,
        before: Value,
        after: Value,
    ) -> Result<Provisioned, BrokerError> {
        let request = UpdateRequest {
            address: self.address(),
            instance_id: made.instance_id.clone(),
            plan: None,
            params: resolved(after),
            previous: previous(made, before),
            idempotency_key: "key-2".to_owned(),
        };
        self.broker.update(&request).await.map(finished)
    }

    pub(super) async fn remove(
        &self,
        made: &Provisioned,
        before: Value,
        force: bool,
    ) -> Result<Progress<()>, BrokerError> {
        let request = DeprovisionRequest {
            address: self.address(),
            instance_id: made.instance_id.clone(),
            previous: previous(made, before),
            force,
            idempotency_key: "key-3".to_owned(),
        };
        self.broker.deprovision(&request).await
    }

    pub(super) async fn delete(
        &self,
        made: &Provisioned,
        before: Value,
    ) -> Result<(), BrokerError> {
        self.remove(made, before, false).await.map(finished)
    }

    pub(super) async fn fetch(
        &self,
        made: &Provisioned,
        before: Value,
    ) -> Result<Option<Live>, BrokerError> {
        let request = FetchRequest {
            address: self.address(),
            instance_id: made.instance_id.clone(),
            previous: previous(made, before),
        };
        self.broker.fetch(&request).await
    }

    pub(super) async fn find(&self, params: Value) -> Result<Option<Live>, BrokerError> {
        let request = FindRequest {
            is_unsure: false,
            known: KnownIds::default(),
            address: self.address(),
            params: resolved(params),
            instance_id: None,
            idempotency_key: Some("key-1".to_owned()),
        };
        self.broker.find(&request).await
    }

    pub(super) fn contents(&self, params: Value) -> Result<Option<String>, BrokerError> {
        self.broker.contents(self.service().id.as_str(), &resolved(params))
    }

    pub(super) async fn poll(
        &self,
        operation: &str,
        params: Value,
    ) -> Result<OperationState, BrokerError> {
        let request = OperationRequest {
            address: self.address(),
            instance_id: Some("thing-1".to_owned()),
            operation: operation.to_owned(),
            params: resolved(params),
            waited: std::time::Duration::ZERO,
        };
        self.broker.last_operation(&request).await
    }
}

pub(super) fn address(service: &str) -> Address {
    Address {
        project: Name::from("shop"),
        stage: Name::from("default"),
        reference: Name::from("ref"),
        service: Name::from(service),
        name: Name::from("thing"),
    }
}

pub(super) fn resolved(value: Value) -> Resolved {
    match value {
        Value::Object(map) => Resolved(map),
        other => panic!("not a map: {other}"),
    }
}

pub(super) fn output(made: &Provisioned, key: &str) -> Value {
    made.outputs.0[key].value.clone()
}

pub(super) fn live_output(live: Option<Live>, key: &str) -> Value {
    live.unwrap().outputs.0[key].value.clone()
}

fn finished<T>(progress: Progress<T>) -> T {
    match progress {
        Progress::Done(value) => value,
        Progress::InProgress { operation, .. } => panic!("still in progress: {operation}"),
    }
}

fn previous(made: &Provisioned, params: Value) -> Previous {
    let outputs = made.outputs.0.iter();
    let outputs: Map<String, Value> =
        outputs.map(|(key, output)| (key.to_string(), output.value.clone())).collect();
    Previous {
        name: Some(Name::from("thing")),
        params: resolved(params),
        outputs: Resolved(outputs),
        ..Previous::default()
    }
}
