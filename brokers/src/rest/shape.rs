//! A manifest's service as the engine knows services, and objects as it knows what is live.

use std::time::Duration;

use provision::broker::{
    BrokerError, ErrorKind, Live, OnChange, OutputSchema, Plans, ReplaceOrder, UpdateRequest,
};
use provision::name::Name;
use provision::value::{Outputs, Resolved, as_text};
use serde_json::{Map, Value};

use super::exchange::Exchange;
use super::identity;
use crate::manifest::{Manifest, Service, Template};

/// How long a request may take to be acted on once whoever sent it is gone.
const IN_FLIGHT: Duration = Duration::from_secs(3);

/// The service as the engine knows it.
pub(super) fn service(manifest: &Manifest) -> provision::broker::Service {
    let rules = &manifest.service;
    let standard = match rules.name.unique {
        true => ReplaceOrder::DeleteFirst,
        false => ReplaceOrder::CreateFirst,
    };
    let output = |rule: &crate::manifest::OutputRule| OutputSchema {
        sensitive: rule.sensitive,
        ..OutputSchema::new(rule.key.clone(), rule.description.clone())
    };
    let text = provision::digest::of_bytes(manifest.file.text.as_bytes());
    provision::broker::Service {
        id: Name::from(rules.id.as_str()),
        kind: Name::from(rules.kind.as_str()),
        description: rules.description.clone().into(),
        plans: Plans::Named(Vec::new()),
        params: rules.params.iter().map(|rule| rule.param.clone()).collect(),
        params_open: false,
        any_of: rules.any_of.clone(),
        outputs: rules.outputs.iter().map(output).collect(),
        outputs_open: false,
        name_pattern: rules.name.pattern.clone().map(Into::into),
        name_bounds: rules.name.bounds,
        on_rename: rules.name.on_change,
        replace_order: rules.replace.unwrap_or(standard),
        finding: manifest.finding(),
        find_with: None,
        journal_only: false,
        deadline: rules.deadline,
        in_flight: IN_FLIGHT,
        stateful: rules.stateful,
        revision: text.into(),
    }
}

/// The outputs that are secret.
pub(super) fn secrets(service: &Service) -> Vec<&Template> {
    service.outputs.iter().filter(|rule| rule.sensitive).map(|rule| &rule.value).collect()
}

/// The params that are to be changed, `name` too: they differ from what they were, or from what the
/// provider shows.
///
/// One that is not shown counts too where it refers to something: what that was is not known any more,
/// and to send it again does no harm.
pub(super) fn changed(service: &Service, request: &UpdateRequest, live: &Live) -> Vec<String> {
    let (params, previous) = (&request.params, &request.previous);
    let mut keys: Vec<&String> = params.0.keys().chain(previous.params.0.keys()).collect();
    keys.sort();
    keys.dedup();
    let may_differ = |key: &String| {
        let is_secret = service.param(key).is_some_and(|rule| rule.param.sensitive);
        let refers = previous.referring.contains(key) && !service.recover_on.contains(key);
        (is_secret || refers) && live.params.get(key).is_none()
    };
    let differs = |key: &&String| {
        let wanted = params.get(key);
        wanted != previous.params.get(key)
            || wanted.zip(live.params.get(key)).is_some_and(|(wanted, shown)| wanted != shown)
            || (wanted.is_some() && may_differ(key))
    };
    let mut changed: Vec<String> = keys.into_iter().filter(differs).cloned().collect();
    let name = request.address.name.as_str();
    let is_new = previous.name.as_ref().is_some_and(|before| before.as_str() != name);
    if is_new || live.is_renamed(name) {
        changed.push("name".to_owned());
    }
    changed
}

impl Exchange<'_> {
    /// The instance id that the object in scope has.
    pub(super) fn id(&self, service: &Service) -> Result<String, BrokerError> {
        let mut parts = Vec::new();
        for (name, template) in &service.id_rule.parts {
            let value = self.value(template)?.filter(|value| !value.is_null());
            let Some(value) = value else {
                let message = format!("{}: the answer holds no {name}", self.file);
                return Err(BrokerError::new(ErrorKind::Unknown, message).help(
                    "`-vv` shows the answer; the manifest's `id` says where it is looked for.",
                ));
            };
            parts.push((name.clone(), as_text(&value)));
        }
        Ok(identity::join(&service.id_rule, &parts))
    }

    /// The gathered objects that the journal does not hold. Takes them.
    pub(super) fn unknown(&mut self, service: &Service) -> Result<Vec<Value>, BrokerError> {
        let mut unknown = Vec::new();
        for item in std::mem::take(&mut self.items) {
            self.scope.set("object", &item);
            if self.known.is_empty() || !self.known.contains(&self.id(service)?) {
                unknown.push(item);
            }
        }
        Ok(unknown)
    }

    /// Puts `id` in scope, taken apart.
    pub(super) fn identify(&mut self, service: &Service, id: &str) -> Result<(), BrokerError> {
        let Some(value) = identity::split(&service.id_rule, id) else {
            let message = format!("`{id}` is no id of `{}`", service.id);
            let help = format!("It looks like this: {}.", service.id_rule.format);
            return Err(BrokerError::new(ErrorKind::Invalid, message).help(help));
        };
        self.scope.set("id", &value);
        Ok(())
    }

    /// The outputs of the object in scope: those that are shown always, or those shown once.
    pub(super) fn outputs(&self, service: &Service, once: bool) -> Result<Outputs, BrokerError> {
        let mut outputs = Outputs::default();
        for rule in service.outputs.iter().filter(|rule| rule.once == once) {
            let Some(value) = self.shown(&rule.value)?.filter(|value| !value.is_null()) else {
                continue;
            };
            let redactor = &self.session.client.redactor;
            // Some repeat the credential, or what they were given.
            if rule.sensitive || redactor.is_in(&value) {
                redactor.add_value(&value);
                outputs = outputs.with_secret(&rule.key, value);
            } else {
                outputs = outputs.with(&rule.key, value);
            }
        }
        Ok(outputs)
    }

    /// The object in scope as something live, under `id`.
    pub(super) fn live(&self, service: &Service, id: &str) -> Result<Live, BrokerError> {
        let mut params = Map::new();
        for rule in &service.params {
            let Some(read) = &rule.read else { continue };
            if let Some(value) = self.shown(read)? {
                params.insert(rule.param.name.to_string(), value);
            }
        }
        let name = service.name.read.as_ref().map(|read| self.shown(read)).transpose()?.flatten();
        let name = name.map(|name| as_text(&name)).unwrap_or_default();
        let outputs = self.outputs(service, false)?;
        let is_name_shown = !name.is_empty();
        Ok(Live { params: Resolved(params), is_name_shown, ..Live::new(id, name, outputs) })
    }
}

/// Whether a changed name can be brought to an instance in place.
pub(super) fn is_renamed_in_place(service: &Service) -> bool {
    service.name.on_change == OnChange::Update
}
