//! The way to the provider: what is sent is acted on, whatever becomes of the sender.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OperationRequest, OperationState, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};

use super::cloud::{Cloud, Object, VISIBLE_WITHIN};
use super::faults::{Removals, error};
use super::fuse::Fuse;
use super::services::{self, IN_FLIGHT, MAILBOX, TOKEN};

/// The provider as one process sees it; clones share what it holds.
#[derive(Clone)]
pub struct Provider {
    catalog: Arc<Vec<Service>>,
    cloud: Arc<Mutex<Cloud>>,
    fuse: Fuse,
}

impl Provider {
    /// An empty provider; `seed` decides how long things take and which calls fail.
    pub fn new(seed: u64) -> Self {
        let cloud = Arc::new(Mutex::new(Cloud::new(seed)));
        Self { catalog: Arc::new(services::all()), cloud, fuse: Fuse::endless() }
    }

    /// The same provider as another process sees it.
    pub fn seen_by(&self, fuse: Fuse) -> Self {
        Self { fuse, ..self.clone() }
    }

    /// From now on `faults` of a hundred calls fail.
    pub fn fail(&self, faults: u64) {
        self.cloud().weather.faults = faults;
    }

    /// From now on removals go like this.
    pub fn removals(&self, removals: Removals) {
        self.cloud().weather.removals = removals;
    }

    /// Everything it holds, what is under way brought to its end.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.cloud().objects()
    }

    /// What an object yields now, by key.
    pub fn outputs_of(&self, id: &str) -> Vec<(String, serde_json::Value)> {
        let live = self.cloud().live(id);
        let outputs = live.map(|live| live.outputs.0).unwrap_or_default();
        let mut all: Vec<_> = outputs
            .into_iter()
            .map(|(key, output)| (key.to_string(), output.value.clone()))
            .collect();
        all.sort_by(|one: &(String, _), other| one.0.cmp(&other.0));
        all
    }

    /// What it was asked that it must never be asked.
    pub fn breaches(&self) -> BTreeSet<String> {
        self.cloud().breaches.clone()
    }

    /// Puts a file there that nobody here made.
    pub fn seed_file(&self, path: &str) {
        self.cloud().seed_file(path);
    }

    /// Takes an object out that is nobody's business any more.
    pub fn take(&self, id: &str) {
        self.cloud().take(id);
    }

    /// Takes out what was made with a key.
    pub fn take_made_with(&self, key: &str) {
        let made = self.objects().into_iter().filter(|(_, object)| object.key == key);
        made.for_each(|(id, _)| self.take(&id));
    }

    fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap()
    }

    /// Sends a request and brings its answer back; both ways take their time.
    async fn ask<T, A>(&self, what: String, act: A) -> Result<T, BrokerError>
    where
        T: Send + 'static,
        A: FnOnce(&mut Cloud) -> Result<T, BrokerError> + Send + 'static,
    {
        self.fuse.pass(&what).await;
        let (way, back) = {
            let dice = &mut self.cloud().dice;
            // What is asked for may be on its way for longer than it takes to start again.
            let latest = match what.split(' ').next() {
                Some("make") => 30,
                Some("change" | "destroy") => IN_FLIGHT.as_millis() as u64 / 100,
                _ => 4,
            };
            let is_late = dice.roll(8) == 0;
            let way = dice.roll(if is_late { latest } else { 4 });
            (Duration::from_millis(100 * way), Duration::from_millis(100 * dice.roll(4)))
        };
        let cloud = Arc::clone(&self.cloud);
        let work = tokio::spawn(async move {
            travel(way).await;
            act(&mut cloud.lock().unwrap())
        });
        let answer = work.await.unwrap();
        travel(back).await;
        self.fuse.pass("hear the answer").await;
        answer
    }
}

fn happened<T>(answer: &Result<T, BrokerError>) -> bool {
    !matches!(answer, Err(error) if error.kind != ErrorKind::Unknown)
}

async fn travel(time: Duration) {
    match time {
        Duration::ZERO => tokio::task::yield_now().await,
        time => tokio::time::sleep(time).await,
    }
}

#[async_trait]
impl Broker for Provider {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let (what, request) = (format!("make {}", request.address.reference), request.clone());
        let act = move |cloud: &mut Cloud| {
            let answer = cloud.make(&request);
            let service = request.address.service.as_str();
            // Whoever is told that nothing happened may rely on it.
            if happened(&answer) && cloud.weather.doubles(service, &mut cloud.dice) {
                drop(cloud.make(&request));
            }
            answer
        };
        let answer = self.ask(what, act).await?;
        if let Progress::Done(provisioned) = &answer {
            self.cloud().shown(&provisioned.instance_id);
        }
        Ok(answer)
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let (what, request) = (format!("change {}", request.instance_id), request.clone());
        let act = move |cloud: &mut Cloud| {
            let answer = cloud.change(&request);
            // A second rotation of a token is one that nobody would hear of.
            let service = request.address.service.as_str();
            if service != TOKEN && cloud.weather.doubles(service, &mut cloud.dice) {
                drop(cloud.change(&request));
            }
            answer
        };
        self.ask(what, act).await
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let (what, request) = (format!("destroy {}", request.instance_id), request.clone());
        let act = move |cloud: &mut Cloud| {
            let answer = cloud.destroy(&request);
            let service = request.address.service.as_str();
            if cloud.weather.doubles(service, &mut cloud.dice) {
                drop(cloud.destroy(&request));
            }
            answer
        };
        self.ask(what, act).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        let (what, id) = (format!("look at {}", request.instance_id), request.instance_id.clone());
        let act = move |cloud: &mut Cloud| cloud.question().map(|()| cloud.live(&id));
        self.ask(what, act).await
    }

    async fn last_operation(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        let (what, name) = (format!("ask about {}", request.operation), request.operation.clone());
        let state = self.ask(what, move |cloud| cloud.state_of(&name)).await?;
        if let OperationState::Succeeded(Some(provisioned)) = &state {
            self.cloud().shown(&provisioned.instance_id);
        }
        Ok(state)
    }

    /// What may be there and is not seen yet is looked for until it would be seen.
    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        if request.address.service == MAILBOX {
            return Err(error(ErrorKind::Unsupported));
        }
        let mut waited = Duration::ZERO;
        loop {
            let (what, copy) = (format!("find {}", request.address.name), request.clone());
            let found = self.ask(what, move |cloud| cloud.look(&copy)).await?;
            if found.is_some() || !request.is_unsure || waited > VISIBLE_WITHIN {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            waited += Duration::from_secs(1);
        }
    }
}
