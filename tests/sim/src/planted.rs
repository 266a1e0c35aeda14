//! Known mistakes, planted to see that the simulation finds them.

use std::sync::Arc;

use async_trait::async_trait;
use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OperationRequest, OperationState, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::world::Ids;

use super::provider::Provider;

/// A mistake that an engine could make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    /// None.
    #[default]
    Nothing,
    /// The log is not synced.
    NoSync,
    /// The journal is written in place, not beside and renamed.
    NoRename,
    /// A creation whose end is not known is asked for again, as if it were another.
    BlindRetry,
}

/// Asks again where nobody knows what became of the first question.
pub struct BlindRetry {
    /// Whom it asks.
    pub provider: Provider,
    /// Where it takes another key from.
    pub ids: Arc<dyn Ids>,
}

#[async_trait]
impl Broker for BlindRetry {
    fn catalog(&self) -> &[Service] {
        self.provider.catalog()
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        match self.provider.provision(request).await {
            Err(error) if error.kind == ErrorKind::Unknown => {
                let idempotency_key = self.ids.fresh();
                let again = ProvisionRequest { idempotency_key, ..request.clone() };
                self.provider.provision(&again).await
            }
            answer => answer,
        }
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        self.provider.update(request).await
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        self.provider.deprovision(request).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        self.provider.fetch(request).await
    }

    async fn last_operation(
        &self,
        request: &OperationRequest,
    ) -> Result<OperationState, BrokerError> {
        self.provider.last_operation(request).await
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        self.provider.find(request).await
    }
}
