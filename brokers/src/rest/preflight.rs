//! What can be said against a change before anything is changed.

use std::sync::Arc;

use provision::broker::{Address, BrokerError, ErrorKind, PreflightRequest};
use provision::name::closest;
use provision::value::as_text;
use serde_json::Value;

use super::exchange::Exchange;
use super::look::taken;
use super::{RestBroker, shape};
use crate::manifest::{Known, Manifest, ParamRule};

impl RestBroker {
    pub(super) async fn examine(&self, request: &PreflightRequest) -> Vec<BrokerError> {
        let manifest = match self.manifest(&request.address) {
            Ok(manifest) => manifest,
            Err(error) => return vec![error],
        };
        let mut problems = Vec::new();
        let is_renamed = request.is_new || shape::is_renamed_in_place(&manifest.service);
        problems.extend(name_problem(manifest, &request.address).filter(|_| is_renamed));
        if let Err(error) = self.proven().await {
            problems.push(error);
            return problems;
        }
        let mut exchange = match self.about(manifest, &request.address, &request.params).await {
            Ok(exchange) => exchange,
            Err(error) => {
                problems.push(error);
                return problems;
            }
        };
        exchange.known.clone_from(&request.known);
        for rule in &manifest.service.params {
            let given = request.params.get(&rule.param.name);
            if let (Some(known), Some(given)) = (&rule.known, given) {
                let problem = self.unknown_value(&exchange, rule, (known, given)).await;
                problems.extend(problem);
            }
        }
        if request.is_new && problems.is_empty() {
            problems.extend(self.name_conflict(&mut exchange, manifest, &request.address).await);
        }
        problems
    }

    /// Whether the credential works: asked once a run, with the provider's cheapest call.
    async fn proven(&self) -> Result<(), BrokerError> {
        let prove = || async {
            let exchange = self.open().await?;
            match &self.provider.verify {
                Some(verify) => exchange.ask(&verify.request).await.map(drop),
                None => exchange.session.headers().map(drop),
            }
        };
        self.verified.get_or_init(prove).await.clone()
    }

    async fn name_conflict(
        &self,
        exchange: &mut Exchange<'_>,
        manifest: &Manifest,
        address: &Address,
    ) -> Option<BrokerError> {
        let verb = manifest.service.verb("find")?;
        match self.look(exchange, manifest, verb).await {
            Ok(Some(live)) => Some(taken(address, Some(&live.instance_id))),
            Ok(None) => None,
            // What it is looked for by is not known yet; its creation looks again.
            Err(error) if error.kind == ErrorKind::Invalid => None,
            Err(error) => Some(error),
        }
    }

    async fn unknown_value(
        &self,
        exchange: &Exchange<'_>,
        rule: &ParamRule,
        (known, given): (&Known, &Value),
    ) -> Option<BrokerError> {
        let values = match self.known_values(exchange, known).await {
            Ok(values) => values,
            // A list that depends on what is not known yet, or that cannot be read, proves nothing.
            Err(_) => return None,
        };
        let texts: Vec<String> = values.iter().map(as_text).collect();
        if texts.is_empty() {
            return None;
        }
        let given: Vec<&Value> = match given {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        };
        let unknown = given.into_iter().find(|value| !texts.contains(&as_text(value)))?;
        let text = as_text(unknown);
        let message =
            format!("{} knows no `{}` called `{text}`", self.provider.name, rule.param.name);
        let help = match closest(&text, texts.iter().map(String::as_str)) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => format!("It knows: {}.", some(&texts)),
        };
        Some(BrokerError::new(ErrorKind::Invalid, message).help(help))
    }

    async fn known_values(
        &self,
        exchange: &Exchange<'_>,
        known: &Known,
    ) -> Result<Arc<Vec<Value>>, BrokerError> {
        let label = format!(
            "{} {:?} {:?}",
            exchange.path(&known.request.path)?,
            known.request.query,
            known.values
        );
        let mut asked = self.known.lock().await;
        if let Some(values) = asked.get(&label) {
            return Ok(Arc::clone(values));
        }
        let mut values = Vec::new();
        let mut page = self.open().await?;
        page.scope = exchange.scope.clone();
        let mut request = known.request.clone();
        request.items = Some(known.values.clone());
        page.run(&crate::manifest::Verb::of(request)).await?;
        values.append(&mut page.items);
        let values = Arc::new(values);
        asked.insert(label, Arc::clone(&values));
        Ok(values)
    }
}

/// The first few of many.
fn some(texts: &[String]) -> String {
    let mut shown: Vec<&str> = texts.iter().take(12).map(String::as_str).collect();
    if texts.len() > shown.len() {
        shown.push("…");
    }
    shown.join(", ")
}

fn name_problem(manifest: &Manifest, address: &Address) -> Option<BrokerError> {
    let rule = &manifest.service.name;
    let name = address.name.as_str();
    let invalid = |what: String| {
        let error = BrokerError::new(ErrorKind::Invalid, format!("the name `{name}` {what}"));
        match &rule.description {
            Some(description) => error.help(description.clone()),
            None => error,
        }
    };
    let length = i64::try_from(name.chars().count()).unwrap_or(i64::MAX);
    if let Some((min, max)) = rule.bounds {
        if length < min {
            return Some(invalid(format!("is too short: it needs {min} characters")));
        }
        if length > max {
            return Some(invalid(format!("is too long: {max} characters are allowed")));
        }
    }
    let pattern = rule.pattern.as_ref()?;
    let regex = regex_lite::Regex::new(&format!("^(?:{pattern})$")).ok()?;
    (!regex.is_match(name)).then(|| invalid(format!("must look like `{pattern}`")))
}
