//! Goes through the requests of a verb.

use std::pin::Pin;

use provision::broker::orphan::Asked;
use provision::broker::{BrokerError, ErrorKind, KnownIds};
use provision::value::as_text;
use serde_json::{Map, Value};

use super::session::{Session, Surroundings};
use super::{failure, request};
use crate::http::{Answer, Call, Patience, WAIT_MAX, redact};
use crate::manifest::{
    ExpressionError, KEEP, Language, Provider, Request, Scope, Step, Template, Verb, Work,
};

/// How often a busy provider is asked again.
const BUSY_MAX: u32 = 7;

/// Pages of one list.
const PAGES_MAX: u32 = 1000;

/// The longest list that is read, in bytes.
const LIST_MAX: usize = 64 << 20;

/// One verb under way.
pub(super) struct Exchange<'a> {
    pub(super) provider: &'a Provider,
    pub(super) language: &'a Language,
    pub(super) around: &'a Surroundings,
    pub(super) session: &'a Session,
    /// The file of the manifest, for messages.
    pub(super) file: &'a str,
    /// The names expressions may use.
    pub(super) scope: Scope,
    /// What steps saved.
    pub(super) saved: Map<String, Value>,
    /// The object, once a step has said what it is.
    pub(super) object: Option<Value>,
    /// The objects of a list.
    pub(super) items: Vec<Value>,
    /// The last answer.
    pub(super) response: Value,
    /// The last request, method and path, and the status of its answer.
    pub(super) last: Option<(String, u16)>,
    /// The key for providers that take one; each request of a verb gets its own.
    pub(super) key: Option<String>,
    /// Ids of objects that are not what is looked for.
    pub(super) known: KnownIds,
    /// Outputs that are secret.
    pub(super) secrets: Vec<&'a Template>,
    /// How long the provider may fail to answer.
    pub(super) patience: Patience,
    /// What is asked for.
    pub(super) asked: Asked,
    /// Requests sent so far that may have changed something.
    pub(super) acts: u32,
    /// Those of them that were answered well.
    pub(super) done: u32,
}

type Done<'b> = Pin<Box<dyn Future<Output = Result<(), BrokerError>> + Send + 'b>>;

impl<'a> Exchange<'a> {
    /// Makes the values of the provider known to expressions.
    pub(super) async fn introduce(&mut self) -> Result<(), BrokerError> {
        let values = self.session.values(self).await?;
        self.scope.set("provider", values);
        Ok(())
    }

    /// Runs a verb to its end.
    ///
    /// # Errors
    /// The first failure. [`ErrorKind::NotFound`] when the provider says that something is not there.
    pub(super) async fn run(&mut self, verb: &Verb) -> Result<(), BrokerError> {
        self.steps(&verb.steps).await
    }

    fn steps<'b>(&'b mut self, steps: &'b [Step]) -> Done<'b> {
        Box::pin(async move {
            for step in steps {
                self.step(step).await?;
            }
            Ok(())
        })
    }

    async fn step(&mut self, step: &Step) -> Result<(), BrokerError> {
        let Some(each) = &step.for_each else { return self.once(step).await };
        let items = match self.value(each)? {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(Value::Object(map)) => map
                .into_iter()
                .map(|(key, value)| serde_json::json!({ "key": key, "value": value }))
                .collect(),
            Some(_) => return Err(self.wrong(each, "`for_each` takes a list or a table")),
        };
        for item in items {
            self.scope.set("item", &item);
            self.once(step).await?;
        }
        Ok(())
    }

    async fn once(&mut self, step: &Step) -> Result<(), BrokerError> {
        if let Some(when) = &step.when
            && !is_true(self.value(when)?.as_ref())
        {
            return Ok(());
        }
        match &step.work {
            Work::Request(request) => self.request(request).await,
            Work::Steps(steps) => self.steps(steps).await,
        }
    }

    async fn request(&mut self, request: &Request) -> Result<(), BrokerError> {
        if request.is_paged() {
            return self.pages(request).await;
        }
        let mut call = request::build(self, request)?;
        self.sign(&mut call);
        let answer = self.exchange(request, &call).await?;
        self.done += u32::from(call.acts());
        self.take(request, &answer)?;
        // A list that comes as a whole is a list all the same.
        self.gather(request).map(drop)
    }

    /// Gives a request that may change something its own idempotency key.
    fn sign(&mut self, call: &mut Call) {
        if !call.acts() {
            return;
        }
        self.acts += 1;
        if let (Some(rule), Some(key)) = (&self.provider.idempotency, &self.key)
            && call.method == "POST"
        {
            call.headers.push((rule.header.clone(), format!("{key}-{}", self.acts)));
            call.is_safe = true;
        }
    }

    /// Sends a call, and judges its answer.
    async fn exchange(&mut self, request: &Request, call: &Call) -> Result<Answer, BrokerError> {
        let answer = self.send(request, call).await?;
        self.last = Some((call.label(), answer.status));
        self.judge(request, call, answer)
    }

    /// Sends a call; waits while the provider is busy with something else.
    async fn send(&self, request: &Request, call: &Call) -> Result<Answer, BrokerError> {
        let mut asked = 0;
        loop {
            let answer = self.session.client.send(call).await?;
            self.learn_secrets(request, &answer);
            if tracing::enabled!(tracing::Level::DEBUG) {
                let mut body = answer.body.clone();
                if request.items.is_some() {
                    redact::strangers(&mut body);
                }
                let body = self.session.client.redactor.body(body.to_string().as_bytes());
                tracing::debug!(body = %body, "answer body");
            }
            if failure::is_busy(self, &answer) && asked < BUSY_MAX {
                asked += 1;
                let pause = answer.retry_after();
                let pause = pause.unwrap_or(std::time::Duration::from_secs(1 << asked.min(4)));
                if pause <= WAIT_MAX && call.patience.spend(pause) {
                    self.around.timer.sleep(pause).await;
                    continue;
                }
            }
            return Ok(answer);
        }
    }

    /// Outputs that are secret are masked from now on, before anything of the answer is shown.
    fn learn_secrets(&self, request: &Request, answer: &Answer) {
        if self.secrets.is_empty() {
            return;
        }
        let scope = answered(&self.scope, answer);
        let over = |template: &Template, scope: &Scope| template.lenient(self.language, scope);
        let mut objects = vec![answer.body.clone()];
        objects.extend(request.object.as_ref().and_then(|object| over(object, &scope)));
        if let Some(Value::Array(items)) = request.items.as_ref().and_then(|i| over(i, &scope)) {
            objects.extend(items);
        }
        for object in objects {
            let scope = scope.clone().with("object", &object);
            for secret in self.secrets.iter().filter_map(|secret| over(secret, &scope)) {
                self.session.client.redactor.add_value(&secret);
            }
        }
    }

    /// Whether an answer is a failure, for the manifest may see it otherwise.
    fn judge(&self, request: &Request, call: &Call, answer: Answer) -> Result<Answer, BrokerError> {
        let is_failure = !answer.is_success() || failure::has_failed(self, &answer);
        if is_failure {
            let accepted = request.accept.as_ref().map(|accept| self.over_answer(accept, &answer));
            if is_true(accepted.transpose()?.flatten().as_ref()) {
                return Ok(answer);
            }
            return Err(failure::of_answer(self, call, &answer));
        }
        if let Some(fail) = &request.fail
            && let Some(reason) = self.over_answer(fail, &answer)?.filter(|v| is_true(Some(v)))
        {
            let message = format!("{}: {}", call.label(), as_text(&reason));
            let message = self.session.client.redactor.text(&message);
            return Err(BrokerError::new(ErrorKind::Failed, message));
        }
        Ok(answer)
    }

    /// Takes from an answer what the manifest wants of it.
    fn take(&mut self, request: &Request, answer: &Answer) -> Result<(), BrokerError> {
        self.response = answer.body.clone();
        self.scope.set("response", &self.response);
        self.scope.set("status", &Value::from(answer.status));
        self.scope.set("headers", &Value::Object(answer.headers.clone()));
        if let Some(object) = &request.object {
            let value = self.value(object)?;
            self.object = value.clone();
            self.scope.set("object", &value.unwrap_or_default());
        }
        for (name, template) in &request.save {
            if let Some(value) = self.value(template)? {
                self.saved.insert(name.clone(), value);
            }
        }
        self.scope.set("saved", &Value::Object(self.saved.clone()));
        Ok(())
    }

    /// Reads a list to its end.
    async fn pages(&mut self, request: &Request) -> Result<(), BrokerError> {
        let paging = self.provider.paging.get(request.paging_name());
        let mut call = request::build(self, request)?;
        if let Some(query) = paging.and_then(|paging| paging.query.as_ref()) {
            let query = query.value(self.language, &self.scope);
            request::merge(&mut call.query, &query.map_err(|e| self.paging_expression(&e))?);
        }
        let mut length = 0;
        for page in 1..=PAGES_MAX {
            let answer = self.exchange(request, &call).await?;
            length += answer.length;
            if length > LIST_MAX {
                let most = LIST_MAX >> 20;
                let message = format!("{}: the list is longer than {most} MiB", call.label());
                return Err(BrokerError::new(ErrorKind::Failed, message));
            }
            if page > 1 && answer.body == self.response {
                return Err(request::endless(&call));
            }
            self.take(request, &answer)?;
            let count = self.gather(request)?;
            let Some(next) = paging else { return Ok(()) };
            if !request::next_page(self, next, (page, count), &answer, &mut call)? {
                return Ok(());
            }
        }
        let message = format!("{}: the list does not end after {PAGES_MAX} pages", call.label());
        Err(BrokerError::new(ErrorKind::Failed, message))
    }

    /// Adds the objects of a page; how many there were on it.
    fn gather(&mut self, request: &Request) -> Result<usize, BrokerError> {
        let Some(items) = &request.items else { return Ok(0) };
        let found = match self.value(items)? {
            Some(Value::Array(found)) => found,
            Some(Value::Null) => Vec::new(),
            None => return Err(self.without("list")),
            Some(_) => return Err(self.wrong(items, "`items` is no list")),
        };
        let count = found.len();
        for item in found {
            let is_meant = match &request.matching {
                Some(matching) => {
                    let scope = self.scope.clone().with("object", &item);
                    let value = matching.value(self.language, &scope);
                    is_true(value.map_err(|error| self.expression(&error))?.as_ref())
                }
                None => true,
            };
            if is_meant {
                self.items.push(item);
            }
        }
        Ok(count)
    }

    /// Asks a question that stands outside of any verb.
    pub(super) async fn ask(&self, request: &Request) -> Result<Answer, BrokerError> {
        let call = request::build(self, request)?;
        let answer = self.send(request, &call).await?;
        self.judge(request, &call, answer)
    }

    /// The value of an expression over an answer.
    pub(super) fn over_answer(
        &self,
        template: &Template,
        answer: &Answer,
    ) -> Result<Option<Value>, BrokerError> {
        let scope = answered(&self.scope, answer);
        template.value(self.language, &scope).map_err(|error| self.expression(&error))
    }

    /// The value of an expression.
    pub(super) fn value(&self, template: &Template) -> Result<Option<Value>, BrokerError> {
        template.value(self.language, &self.scope).map_err(|error| self.expression(&error))
    }

    /// The value of an expression over what a provider shows, which may leave out whatever it likes.
    pub(super) fn shown(&self, template: &Template) -> Result<Option<Value>, BrokerError> {
        let value = template.shown(self.language, &self.scope);
        value.map_err(|error| self.expression(&error))
    }

    /// A template as a path: each value is a segment.
    pub(super) fn path(&self, template: &Template) -> Result<String, BrokerError> {
        let segment = |value: &Value| {
            let text = as_text(value);
            match text.strip_prefix(KEEP) {
                Some(encoded) => encoded.to_owned(),
                None => crate::http::encode_segment(&text),
            }
        };
        template.render(self.language, &self.scope, segment).map_err(|e| self.expression(&e))
    }

    /// An expression's error as a failure of the broker.
    pub(super) fn expression(&self, error: &ExpressionError) -> BrokerError {
        let message = self.session.client.redactor.text(&error.to_string());
        BrokerError::new(ErrorKind::Invalid, format!("{}: {message}", self.file))
            .help("The manifest and the provider's answer do not fit. `-vv` shows the answer.")
    }

    /// The same of an expression of a paging, which stands in the provider's file.
    pub(super) fn paging_expression(&self, error: &ExpressionError) -> BrokerError {
        let message = self.session.client.redactor.text(&error.to_string());
        let (file, line) = (&self.provider.path, self.provider.line_of(error.span));
        BrokerError::new(ErrorKind::Invalid, format!("{file}:{line}: {message}"))
            .help("The paging and the provider's answer do not fit. `-vv` shows the answer.")
    }

    /// A good answer in which the object, or the list, is not: nobody knows whether it is there.
    pub(super) fn without(&self, what: &str) -> BrokerError {
        let message = format!("{}: the answer does not hold the {what}", self.file);
        BrokerError::new(ErrorKind::Unavailable, message)
            .help("A proxy may stand in between. `-vv` shows the answer.")
    }

    fn wrong(&self, template: &Template, message: &str) -> BrokerError {
        let expression = template.single().unwrap_or_default();
        let message = format!("{}: `{expression}`: {message}", self.file);
        BrokerError::new(ErrorKind::Invalid, message)
    }
}

/// The names with those of an answer.
pub(super) fn answered(scope: &Scope, answer: &Answer) -> Scope {
    scope
        .clone()
        .with("response", &answer.body)
        .with("status", &Value::from(answer.status))
        .with("headers", &Value::Object(answer.headers.clone()))
}

/// Whether a value counts as true: neither empty, zero, null nor undefined.
pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
    }
}
