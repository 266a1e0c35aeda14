//! Everything of a service that its provider shows, also inside of what is known.

use std::collections::BTreeSet;

use provision::broker::{BrokerError, ErrorKind, Live};
use provision::value::{Outputs, Resolved, as_text};
use serde_json::{Map, Value};

use super::{RestBroker, shape};
use crate::manifest::{Manifest, Verb};

impl RestBroker {
    /// The places where a list is to be had: everywhere, or inside of each thing that is known.
    pub(super) fn places(&self, list: &Verb, beside: &[Resolved]) -> Vec<Map<String, Value>> {
        let wanted = self.params_of(list.templates());
        if wanted.as_ref().is_some_and(BTreeSet::is_empty) {
            return vec![Map::new()];
        }
        let is_wanted = |key: &String| wanted.as_ref().is_none_or(|wanted| wanted.contains(key));
        let mut places: Vec<Map<String, Value>> = Vec::new();
        for params in beside {
            let given = params.0.iter().filter(|(key, value)| is_wanted(key) && !value.is_null());
            let place = given.map(|(key, value)| (key.clone(), value.clone())).collect();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// What a list shows at a place.
    pub(super) async fn list_at(
        &self,
        manifest: &Manifest,
        list: &Verb,
        place: &Map<String, Value>,
    ) -> Result<Vec<Live>, BrokerError> {
        let mut exchange = self.open().await?;
        exchange.introduce().await?;
        exchange.file = &manifest.file.path;
        exchange.secrets = shape::secrets(&manifest.service);
        exchange.scope.set("params", &Value::Object(place.clone()));
        for name in ["name", "project", "stage", "ref", "marker"] {
            exchange.scope.set(name, &Value::from(""));
        }
        match exchange.run(list).await {
            // Nothing is inside of what is not there.
            Err(error) if error.kind == ErrorKind::NotFound && !place.is_empty() => {
                return Ok(Vec::new());
            }
            ended => ended?,
        }
        let mut found = Vec::new();
        for item in std::mem::take(&mut exchange.items) {
            exchange.scope.set("object", &item);
            let Ok(id) = exchange.id(&manifest.service) else { continue };
            exchange.identify(&manifest.service, &id)?;
            let name =
                manifest.service.name.read.as_ref().and_then(|read| {
                    exchange.value(read).ok().flatten().map(|name| as_text(&name))
                });
            found.push(Live::new(id.clone(), name.unwrap_or(id), Outputs::default()));
        }
        Ok(found)
    }
}
