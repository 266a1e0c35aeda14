//! What a manifest says about one verb: its requests, their conditions and what is taken from the answers.

use provision::diagnostic::{Diagnostic, Span};
use provision::text::{Kind, read};

use super::fields::Fields;
use super::template::{Template, Tree};

/// One verb of a service.
#[derive(Clone, Debug)]
pub struct Verb {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Where it is written.
    pub span: Span,
}

/// A part of a verb.
#[derive(Clone, Debug)]
pub struct Step {
    /// Only when this is true.
    pub when: Option<Template>,
    /// Once for each of these.
    pub for_each: Option<Template>,
    /// What is done.
    pub work: Work,
    /// Where it is written.
    pub span: Span,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Sends a request.
    Request(Box<Request>),
    /// Goes through other steps.
    Steps(Vec<Step>),
}

/// One HTTP request and what is made of its answer.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The path, after the base URL.
    pub path: Template,
    /// Where method and path are written.
    pub span: Span,
    /// The query, a table.
    pub query: Option<Tree>,
    /// The headers, a table.
    pub headers: Option<Tree>,
    /// The body.
    pub body: Body,
    /// What the object is from now on.
    pub object: Option<Template>,
    /// The objects in an answer that lists them.
    pub items: Option<Template>,
    /// Which of them are meant.
    pub matching: Option<Template>,
    /// Values for later steps.
    pub save: Vec<(String, Template)>,
    /// True for a failure that is none.
    pub accept: Option<Template>,
    /// Not empty for an answer that looks well and is a failure.
    pub fail: Option<Template>,
    /// How the list goes on: the name of a paging, `none`, or as the provider says.
    pub paging: Option<String>,
    /// Whether it may be sent twice.
    pub safe: bool,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Body {
    /// There is none.
    Empty,
    /// JSON.
    Json(Tree),
    /// `application/x-www-form-urlencoded`.
    Form(Tree),
    /// `multipart/form-data`, by the name of the part.
    Multipart(Vec<(String, Part)>),
    /// A text as it is.
    Raw(Template, Option<Template>),
    /// A local file as it is.
    File(Template, Option<Template>),
}

/// One part of a multipart body.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its text.
    pub value: Option<Template>,
    /// The local file it comes from.
    pub file: Option<Template>,
    /// Its type.
    pub content_type: Option<Template>,
    /// Its file name.
    pub filename: Option<Template>,
}

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

impl Body {
    /// Every template in it.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Empty => Vec::new(),
            Self::Json(tree) | Self::Form(tree) => tree.templates(),
            Self::Multipart(parts) => parts.iter().flat_map(|(_, part)| part.templates()).collect(),
            Self::Raw(template, kind) | Self::File(template, kind) => {
                std::iter::once(template).chain(kind).collect()
            }
        }
    }
}

impl Part {
    fn templates(&self) -> Vec<&Template> {
        let all = [&self.value, &self.file, &self.content_type, &self.filename];
        all.into_iter().flatten().collect()
    }
}

impl Verb {
    /// Every request of the verb, groups opened.
    #[must_use]
    pub fn requests(&self) -> Vec<&Request> {
        self.steps.iter().flat_map(Step::requests).collect()
    }

    /// Every template in it.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        self.steps.iter().flat_map(Step::templates).collect()
    }

    /// A verb of this one request.
    #[must_use]
    pub fn of(request: Request) -> Self {
        let span = request.span;
        let work = Work::Request(Box::new(request));
        Self { steps: vec![Step { when: None, for_each: None, work, span }], span }
    }

    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let span = fields.span();
        let steps = match fields.node("steps") {
            Some(_) => steps(fields),
            None => vec![Step::read_with(fields)?],
        };
        Some(Self { steps, span })
    }
}

fn steps(fields: &Fields<'_>) -> Vec<Step> {
    let read = |fields: Fields<'_>| {
        let step = Step::read(&fields);
        fields.done();
        step
    };
    fields.list("steps", "a step").into_iter().filter_map(read).collect()
}

impl Step {
    /// Every request in it, groups opened.
    #[must_use]
    pub fn requests(&self) -> Vec<&Request> {
        match &self.work {
            Work::Request(request) => vec![request],
            Work::Steps(steps) => steps.iter().flat_map(Self::requests).collect(),
        }
    }

    fn templates(&self) -> Vec<&Template> {
        let mut all: Vec<&Template> = self.when.iter().chain(&self.for_each).collect();
        match &self.work {
            Work::Request(request) => all.extend(request.templates()),
            Work::Steps(steps) => all.extend(steps.iter().flat_map(Self::templates)),
        }
        all
    }

    fn read(fields: &Fields<'_>) -> Option<Self> {
        if fields.node("steps").is_none() {
            return Self::read_with(fields);
        }
        Some(Self {
            when: fields.template("when"),
            for_each: fields.template("for_each"),
            work: Work::Steps(steps(fields)),
            span: fields.span(),
        })
    }

    fn read_with(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            when: fields.template("when"),
            for_each: fields.template("for_each"),
            work: Work::Request(Box::new(Request::read(fields)?)),
            span: fields.span(),
        })
    }
}

impl Request {
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        // Every field is asked for before the first mistake ends it, so that none seems unknown.
        let line = line(fields);
        let safe = fields.flag("safe");
        let (method, path, span) = line.clone().unwrap_or_default();
        let request = Self {
            safe: safe.unwrap_or(!matches!(method.as_str(), "POST" | "PATCH")),
            method,
            path,
            span,
            query: fields.tree("query"),
            headers: fields.tree("headers"),
            body: body(fields),
            object: fields.template("object"),
            items: fields.template("items"),
            matching: fields.template("match"),
            save: fields.templates("save"),
            accept: fields.template("accept"),
            fail: fields.template("fail"),
            paging: fields.text("paging"),
        };
        line.map(|_| request)
    }

    /// Whether it may change something.
    #[must_use]
    pub fn acts(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Whether the answer is a list, be it one that comes whole.
    #[must_use]
    pub fn is_paged(&self) -> bool {
        self.items.is_some() || self.paging.as_deref().is_some_and(|paging| paging != "none")
    }

    /// Every template in it.
    fn templates(&self) -> Vec<&Template> {
        let over = [&self.object, &self.items, &self.matching, &self.accept, &self.fail];
        let mut all = vec![&self.path];
        all.extend(over.into_iter().flatten());
        all.extend(self.save.iter().map(|(_, template)| template));
        all.extend([&self.query, &self.headers].into_iter().flatten().flat_map(Tree::templates));
        all.extend(self.body.templates());
        all
    }

    /// The name of the paging it follows.
    #[must_use]
    pub fn paging_name(&self) -> &str {
        self.paging.as_deref().unwrap_or("default")
    }
}

/// Method and path of the field `request`.
fn line(fields: &Fields<'_>) -> Option<(String, Template, Span)> {
    fields.required("request")?;
    let text = fields.text_again("request")?;
    let Some((method, path)) = text.value.split_once(' ').filter(|(method, path)| {
        METHODS.contains(method) && path.starts_with('/') && !path.starts_with("//")
    }) else {
        let summary = "A request is a method and a path, as in `GET /v2/things`.";
        let help = format!("Methods: {}.", METHODS.join(", "));
        fields.problem(Diagnostic::error("request", summary).at(text.span).help(help));
        return None;
    };
    let mut problems = provision::diagnostic::Diagnostics::default();
    let template = Template::parse(path, text.span, &mut problems);
    fields.problems_of(problems);
    Some((method.to_owned(), template, text.span))
}

fn body(fields: &Fields<'_>) -> Body {
    let content_type = || fields.template("content_type");
    let bodies = [
        fields.tree("body").map(Body::Json),
        fields.tree("form").map(Body::Form),
        fields.node("multipart").map(|_| Body::Multipart(parts(fields))),
        fields.template("raw").map(|raw| Body::Raw(raw, content_type())),
        fields.template("file").map(|file| Body::File(file, content_type())),
    ];
    let mut given = bodies.into_iter().flatten();
    let body = given.next().unwrap_or(Body::Empty);
    if given.next().is_some() {
        let summary = "A request has one body.";
        let help = "Keep one of `body`, `form`, `multipart`, `raw` and `file`.";
        fields.problem(Diagnostic::error("request", summary).at(fields.span()).help(help));
    }
    body
}

fn parts(fields: &Fields<'_>) -> Vec<(String, Part)> {
    let Some(node) = fields.node("multipart") else { return Vec::new() };
    let mut parts = Vec::new();
    for entry in node.entries() {
        let part = match &entry.value.kind {
            Kind::Text(text) => {
                let mut problems = provision::diagnostic::Diagnostics::default();
                let value = Template::parse(text, entry.value.span, &mut problems);
                fields.problems_of(problems);
                Part { value: Some(value), file: None, content_type: None, filename: None }
            }
            Kind::Map(_) => {
                let inner = fields.inside(&entry.value, "a part");
                let part = Part {
                    value: inner.template("value"),
                    file: inner.template("file"),
                    content_type: inner.template("content_type"),
                    filename: inner.template("filename"),
                };
                inner.done();
                part
            }
            _ => {
                let mut problems = provision::diagnostic::Diagnostics::default();
                read::mismatch::<()>("a string or a table", &entry.value, &mut problems);
                fields.problems_of(problems);
                continue;
            }
        };
        parts.push((entry.key.clone(), part));
    }
    parts
}
