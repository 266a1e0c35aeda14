//! What `provider.toml` says: how a provider is spoken to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use provision::diagnostic::Span;
use provision::text::Node;

use super::fields::{Fields, Problems};
use super::request::Request;
use super::template::{Template, Tree};

/// A provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The name of its folder: `cloudflare` of `cloudflare-d1`.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its API's documentation.
    pub docs: Option<String>,
    /// What paths are appended to.
    pub base_url: String,
    /// Variables that replace the base URL, the first one set wins.
    pub base_url_env: Vec<String>,
    /// Ways to authenticate, the first that is complete is taken.
    pub auth: Vec<Auth>,
    /// Values beside the credential, by name.
    pub values: BTreeMap<String, ProviderValue>,
    /// The query of every request, a table.
    pub query: Option<Tree>,
    /// The headers of every request, a table.
    pub headers: Option<Tree>,
    /// The cheapest call that proves a credential.
    pub verify: Option<Verify>,
    /// How failures look.
    pub errors: Errors,
    /// How lists go on, by name.
    pub paging: BTreeMap<String, Paging>,
    /// What is published about rates.
    pub limits: Limits,
    /// What makes a request repeatable.
    pub idempotency: Option<Idempotency>,
    /// What marks an object as ours.
    pub marker: Marker,
    /// Where the file's text is.
    pub span: Span,
    /// What to call the file in messages.
    pub path: String,
    /// Its text, which tells the lines of its expressions.
    pub text: Cow<'static, str>,
}

/// One way to authenticate.
#[derive(Clone, Debug)]
pub struct Auth {
    /// The secrets it takes, each with the variables it is looked for in.
    pub secrets: Vec<(String, Vec<String>)>,
    /// The headers it sends.
    pub headers: Vec<(String, Template)>,
    /// The query it sends with every request.
    pub query: Vec<(String, Template)>,
    /// Where to get one.
    pub help: Option<String>,
}

/// A value of the provider beside the credential, e.g. an account id.
#[derive(Clone, Debug)]
pub struct ProviderValue {
    /// One sentence about it.
    pub description: String,
    /// The variables it is looked for in.
    pub env: Vec<String>,
    /// The request that tells it otherwise.
    pub request: Option<Request>,
    /// The value in the answer.
    pub value: Option<Template>,
    /// Whether it may stay unknown.
    pub optional: bool,
}

/// The call that proves a credential.
#[derive(Clone, Debug)]
pub struct Verify {
    /// The request.
    pub request: Request,
    /// Whose credential it is.
    pub who: Option<Template>,
    /// What it may do.
    pub scopes: Option<Template>,
    /// The scopes that the provider's services need.
    pub needs: Vec<String>,
}

/// How failures look.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// The provider's words.
    pub message: Option<Template>,
    /// Its code.
    pub code: Option<Template>,
    /// What support asks for.
    pub request_id: Option<Template>,
    /// True for a 2xx answer that is a failure.
    pub failed: Option<Template>,
    /// True when the thing is definitely not there.
    pub gone: Option<Template>,
    /// True when something else is in the way.
    pub conflict: Option<Template>,
    /// True when nothing happened and asking again may help.
    pub busy: Option<Template>,
}

/// How a list goes on.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// The query of every page, a table.
    pub query: Option<Tree>,
    /// The query of the next page.
    pub next: Vec<(String, Template)>,
    /// Or its whole URL.
    pub next_url: Option<Template>,
    /// Or RFC 8288's `Link` header says.
    pub link_header: bool,
    /// The names that `query` and `next` send, and where they are written.
    pub names: Vec<(String, Span)>,
}

/// What a provider publishes about rates, and how patient we are.
#[derive(Clone, Debug)]
pub struct Limits {
    /// So many requests in so much time; several hold at once.
    pub rates: Vec<Rate>,
    /// Tighter rates: method, path, rate.
    pub paths: Vec<(String, Template, Rate)>,
    /// Requests at once.
    pub concurrency: usize,
    /// Seconds for one request.
    pub timeout: u64,
    /// Seconds until what was made can be read and listed.
    pub visible_within: u64,
    /// The header with the number of requests left.
    pub remaining_header: Option<String>,
    /// The header with when there are more.
    pub reset_header: Option<String>,
    /// Whether that is a time of day (seconds since 1970), or seconds from now.
    pub reset_is_epoch: bool,
}

/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub requests: u64,
    /// Seconds.
    pub seconds: u64,
}

/// What makes a request repeatable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The header that takes the key.
    pub header: String,
    /// How long the provider remembers a key.
    pub lifetime: Duration,
}

/// What marks an object as made for an instance.
#[derive(Clone, Debug)]
pub struct Marker {
    /// Its text.
    pub format: Template,
    /// The characters it may hold, as in a regular expression's brackets.
    pub allowed: String,
    /// Its greatest length in characters.
    pub max: usize,
}

impl Provider {
    pub(super) fn read(id: &str, node: &Node, problems: &Problems) -> Self {
        let fields = Fields::of(node, "a provider", problems);
        fields.required("name");
        fields.required("base_url");
        let defaults = fields.table("defaults", "defaults");
        let provider = Self {
            id: id.to_owned(),
            name: fields.text("name").unwrap_or_default(),
            docs: fields.text("docs"),
            base_url: fields.text("base_url").unwrap_or_default(),
            base_url_env: fields.texts("base_url_env"),
            auth: fields.list("auth", "auth").into_iter().map(Auth::read).collect(),
            values: fields
                .tables("values", "a value")
                .into_iter()
                .map(|(entry, fields)| (entry.key.clone(), ProviderValue::read(fields)))
                .collect(),
            query: defaults.as_ref().and_then(|fields| fields.tree("query")),
            headers: defaults.as_ref().and_then(|fields| fields.tree("headers")),
            verify: fields.table("verify", "verify").and_then(Verify::read),
            errors: fields.table("errors", "errors").map(Errors::read).unwrap_or_default(),
            paging: fields
                .tables("paging", "a paging")
                .into_iter()
                .map(|(entry, fields)| (entry.key.clone(), Paging::read(fields)))
                .collect(),
            limits: fields.table("limits", "limits").map(Limits::read).unwrap_or_default(),
            idempotency: fields.table("idempotency", "idempotency").and_then(Idempotency::read),
            marker: fields.table("marker", "marker").map(Marker::read).unwrap_or_default(),
            span: node.span,
            path: String::new(),
            text: Cow::Borrowed(""),
        };
        if let Some(table) = defaults {
            table.done();
        }
        fields.done();
        provider
    }
}

impl Provider {
    /// The line of the file on which an expression is written.
    #[must_use]
    pub fn line_of(&self, span: Span) -> usize {
        let before = self.text.get(..span.start as usize).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

impl Auth {
    fn read(fields: Fields<'_>) -> Self {
        fields.required("secrets");
        let secrets = fields.table("secrets", "secrets");
        let secrets = secrets.map(|table| {
            let mut secrets = Vec::new();
            for entry in table.entries() {
                let node = &entry.value;
                let mut problems = provision::diagnostic::Diagnostics::default();
                let names = provision::text::read::texts(node, &mut problems);
                table.problems_of(problems);
                let names = names.into_iter().map(|name| name.value).collect();
                secrets.push((entry.key.clone(), names));
            }
            secrets
        });
        let auth = Self {
            secrets: secrets.unwrap_or_default(),
            headers: fields.templates("headers"),
            query: fields.templates("query"),
            help: fields.text("help"),
        };
        fields.done();
        auth
    }
}

impl ProviderValue {
    fn read(fields: Fields<'_>) -> Self {
        let request = fields.node("request").and_then(|_| Request::read(&fields));
        let value = Self {
            description: fields.text("description").unwrap_or_default(),
            env: fields.texts("env"),
            request,
            value: fields.template("value"),
            optional: fields.flag("optional").unwrap_or(false),
        };
        fields.done();
        value
    }
}

impl Verify {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let verify = Self {
            request: Request::read(&fields)?,
            who: fields.template("who"),
            scopes: fields.template("scopes"),
            needs: fields.texts("needs"),
        };
        fields.done();
        Some(verify)
    }
}

impl Errors {
    fn read(fields: Fields<'_>) -> Self {
        let errors = Self {
            message: fields.template("message"),
            code: fields.template("code"),
            request_id: fields.template("request_id"),
            failed: fields.template("failed"),
            gone: fields.template("gone"),
            conflict: fields.template("conflict"),
            busy: fields.template("busy"),
        };
        fields.done();
        errors
    }

    /// Every expression in it, with its name.
    #[must_use]
    pub fn templates(&self) -> Vec<(&'static str, &Template)> {
        let all = [
            ("message", &self.message),
            ("code", &self.code),
            ("request_id", &self.request_id),
            ("failed", &self.failed),
            ("gone", &self.gone),
            ("conflict", &self.conflict),
            ("busy", &self.busy),
        ];
        all.into_iter().filter_map(|(name, template)| Some((name, template.as_ref()?))).collect()
    }
}

impl Paging {
    fn read(fields: Fields<'_>) -> Self {
        let tables = ["query", "next"].into_iter().filter_map(|key| fields.node(key));
        let entries = tables.flat_map(Node::entries);
        let paging = Self {
            names: entries.map(|entry| (entry.key.clone(), entry.span)).collect(),
            query: fields.tree("query"),
            next: fields.templates("next"),
            next_url: fields.template("next_url"),
            link_header: fields.flag("link_header").unwrap_or(false),
        };
        fields.done();
        paging
    }
}

fn rate(fields: &Fields<'_>) -> Option<Rate> {
    let requests = fields.count("requests")?.max(1);
    Some(Rate { requests, seconds: fields.count("seconds").unwrap_or(1).max(1) })
}

/// `requests` in `seconds`, and what `rates` says besides.
fn rates(fields: &Fields<'_>) -> Vec<Rate> {
    let besides = fields.list("rates", "a rate").into_iter().filter_map(|fields| {
        let rate = rate(&fields);
        fields.node("seconds");
        fields.done();
        rate
    });
    rate(fields).into_iter().chain(besides).collect()
}

impl Limits {
    /// The longest that is waited for more requests to be allowed: the longest published time, and no
    /// less than two minutes, nor more than an hour and a bit.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let paths = self.paths.iter().map(|(_, _, rate)| rate);
        let longest = self.rates.iter().chain(paths).map(|rate| rate.seconds).max();
        // A minute more, since clocks differ and seconds are rounded.
        Duration::from_secs(longest.unwrap_or(0).saturating_add(60).clamp(120, 3660))
    }

    fn read(fields: Fields<'_>) -> Self {
        let standard = Self::default();
        let paths = fields.list("paths", "a limit of a path").into_iter().filter_map(|fields| {
            let request = Request::read(&fields);
            let rate = rate(&fields);
            fields.done();
            request.zip(rate).map(|(request, rate)| (request.method, request.path, rate))
        });
        let count = |key| fields.count(key);
        let limits = Self {
            paths: paths.collect(),
            rates: rates(&fields),
            concurrency: count("concurrency")
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(standard.concurrency)
                .max(1),
            timeout: count("timeout").unwrap_or(standard.timeout).max(1),
            visible_within: count("visible_within").unwrap_or(standard.visible_within),
            remaining_header: fields.text("remaining_header"),
            reset_header: fields.text("reset_header"),
            reset_is_epoch: fields
                .word("reset", &[("epoch", true), ("seconds", false)])
                .unwrap_or(true),
        };
        fields.node("seconds");
        fields.done();
        limits
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rates: Vec::new(),
            paths: Vec::new(),
            concurrency: 8,
            timeout: 60,
            visible_within: 30,
            remaining_header: None,
            reset_header: None,
            reset_is_epoch: true,
        }
    }
}

impl Idempotency {
    fn read(fields: Fields<'_>) -> Option<Self> {
        fields.required("header");
        let header = fields.text("header");
        let lifetime = fields.count("lifetime").unwrap_or(24 * 60 * 60);
        fields.done();
        Some(Self { header: header?, lifetime: Duration::from_secs(lifetime) })
    }
}

impl Marker {
    fn read(fields: Fields<'_>) -> Self {
        let standard = Self::default();
        let marker = Self {
            format: fields.template("format").unwrap_or(standard.format),
            allowed: fields.text("allowed").unwrap_or(standard.allowed),
            max: fields
                .count("max")
                .and_then(|max| usize::try_from(max).ok())
                .unwrap_or(standard.max)
                .max(16),
        };
        fields.done();
        marker
    }
}

impl Default for Marker {
    fn default() -> Self {
        let text = "prov:{{ project }}/{{ stage }}/{{ ref }}";
        let format = Template::parse(text, Span::default(), &mut Default::default());
        Self { format, allowed: "A-Za-z0-9:/_.-".to_owned(), max: 255 }
    }
}
