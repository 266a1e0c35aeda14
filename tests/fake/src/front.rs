//! What stands between a broker and a provider made of a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::wire::{Handler, serve};

/// What stands before a provider, and which of its values the broker is told.
#[async_trait]
pub trait Front: Send + Sync {
    /// The URL at which `handler` is asked from now on.
    async fn place(&self, handler: Arc<Handler>) -> String;

    /// `handler` is asked again, at the URL it was placed at.
    fn replace(&self, _handler: &Arc<Handler>) {}

    /// Values of the provider that are not to be made up, by name.
    fn values(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// Nothing: the provider is asked itself.
pub struct Direct;

#[async_trait]
impl Front for Direct {
    async fn place(&self, handler: Arc<Handler>) -> String {
        serve(handler).await
    }
}
