//! A body against the schema that an operation takes.

use provision::broker::ParamType;
use provision::diagnostic::Span;
use provision::value::as_text;
use serde_json::Value;

use super::answer::Scene;
use super::{Finding, Linter, named, suggestion};
use crate::manifest::{BodyPart, ParamRule, Template, Tree};
use crate::openapi::schema::{Field, Schema, Shape};

/// A body that is of another type altogether fits worse than any number of wrong fields.
const OTHER_TYPE: usize = 1000;

/// A field with a wrong value fits worse than a few that are missing or unknown: values tell
/// alternatives apart.
const WRONG_FIELD: usize = 3;

/// Judges what one request sends.
pub(super) struct Judge<'l, 'a> {
    linter: &'l Linter<'a>,
    given: &'l [String],
    label: &'l str,
    span: Span,
    /// Whether everything is sent as text: in a form or a query.
    pub(super) is_text: bool,
}

/// What is wrong, and how much.
#[derive(Default)]
struct Verdict {
    findings: Vec<Finding>,
    weight: usize,
}

impl Verdict {
    fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.weight += other.weight;
    }
}

impl<'l, 'a> Judge<'l, 'a> {
    pub(super) fn new(
        linter: &'l Linter<'a>,
        scene: &'l Scene<'a>,
        label: &'l str,
        span: Span,
    ) -> Self {
        Self { linter, given: &scene.given, label, span, is_text: false }
    }

    /// What is wrong with `tree` where `schema` is asked for.
    pub(super) fn judge(&self, tree: &Tree, schema: &Schema<'a>, at: &str) -> Vec<Finding> {
        self.tree(tree, schema, at).findings
    }

    /// What is wrong with the parts of a multipart body: those are texts and files of any type.
    pub(super) fn parts(
        &self,
        parts: &[(String, BodyPart)],
        schema: &Schema<'a>,
        at: &str,
    ) -> Vec<Finding> {
        let part = |(name, part): &(String, BodyPart)| {
            let value = part.value.as_ref().or(part.file.as_ref());
            let unknown = || Tree::Leaf(Template::expression("saved"));
            let tree = match value {
                Some(template) if !self.is_always(template) => Tree::Leaf(template.clone()),
                _ => unknown(),
            };
            (name.clone(), tree)
        };
        let table = Tree::Table(parts.iter().map(part).collect());
        let findings = self.tree(&table, schema, at).findings;
        findings.into_iter().filter(|finding| finding.rule.ends_with("-field")).collect()
    }

    /// Whether a value is there whatever the params are.
    pub(super) fn is_always_sent(&self, tree: &Tree) -> bool {
        match tree {
            Tree::Leaf(template) => self.is_always(template),
            Tree::Table(entries) if self.is_text => {
                entries.iter().any(|(_, tree)| self.is_always_sent(tree))
            }
            _ => true,
        }
    }

    fn is_always(&self, template: &Template) -> bool {
        let Some(text) = template.single() else { return true };
        if let Some(rule) = self.param(template) {
            let name = &*rule.param.name;
            return rule.param.required
                || rule.param.default.is_some()
                || self.given.iter().any(|given| given == name);
        }
        if let Some(name) = text.strip_prefix("provider.") {
            let value = self.linter.provider.values.get(name);
            return !value.is_some_and(|value| value.optional);
        }
        let words = outside_of_quotes(text);
        // A condition without an alternative leaves nothing.
        words.matches(" if ").count() <= words.matches(" else ").count()
    }

    /// The param that a template is.
    fn param(&self, template: &Template) -> Option<&'a ParamRule> {
        self.linter.service?.param(template.single()?.strip_prefix("params.")?)
    }

    /// The verdict of the alternative that fits best.
    fn tree(&self, tree: &Tree, schema: &Schema<'a>, at: &str) -> Verdict {
        if let Tree::Leaf(template) = tree
            && let Some(rule) = self.param(template)
            && !rule.param.allowed.is_empty()
        {
            return self.allowed(rule, template.span, schema, at);
        }
        let shapes = schema.shapes();
        if let Tree::Table(entries) = tree
            && let Some((place, rule, template)) = self.decisive(entries, &shapes)
            && let Some((name, _)) = entries.get(place)
        {
            let mut verdict = Verdict::default();
            for value in &rule.param.allowed {
                let mut entries = entries.clone();
                if let Some((_, tree)) = entries.get_mut(place) {
                    *tree = Tree::Fixed(value.clone());
                }
                let fits = |shape: &&Shape<'a>| self.fits(value, name, shape);
                let fitting: Vec<Shape<'a>> = shapes.iter().filter(fits).cloned().collect();
                let fitting = if fitting.is_empty() { &shapes } else { &fitting };
                let mut found = self.best(&Tree::Table(entries), fitting, &shapes, at);
                for finding in found.findings.iter_mut().filter(|f| f.rule == "wrong-value") {
                    finding.span = Some(template.span);
                }
                verdict.add(found);
            }
            return verdict;
        }
        self.best(tree, &shapes, &shapes, at)
    }

    /// Whether a value may be the field `name` of an alternative.
    fn fits(&self, value: &Value, name: &str, shape: &Shape<'a>) -> bool {
        let Field::Described(schema) = shape.field(name) else { return true };
        let fits = |shape: &Shape<'a>| self.value(value, shape, "", self.span).weight == 0;
        schema.shapes().iter().any(fits)
    }

    /// The verdict of that one of `shapes` that fits best; all of them are `all`.
    fn best(&self, tree: &Tree, shapes: &[Shape<'a>], all: &[Shape<'a>], at: &str) -> Verdict {
        let mut best: Option<Verdict> = None;
        for shape in shapes {
            let verdict = match tree {
                Tree::Table(entries) if shape.takes("object") => {
                    self.table(entries, (shape, all), at)
                }
                _ => self.shape(tree, shape, at),
            };
            if verdict.findings.is_empty() {
                return verdict;
            }
            if best.as_ref().is_none_or(|best| verdict.weight < best.weight) {
                best = Some(verdict);
            }
        }
        best.unwrap_or_default()
    }

    /// The field whose value decides between alternatives, when it is a param of certain values: then
    /// each of them is judged by itself.
    fn decisive<'e>(
        &self,
        entries: &'e [(String, Tree)],
        shapes: &[Shape<'a>],
    ) -> Option<(usize, &'a ParamRule, &'e Template)> {
        if shapes.len() < 2 {
            return None;
        }
        let decides = |name: &str| {
            let told = |shape: &&Shape<'a>| match shape.field(name) {
                Field::Described(schema) => schema.shapes().iter().any(|s| s.values().is_some()),
                _ => false,
            };
            shapes.iter().filter(told).count() > 1
        };
        entries.iter().enumerate().find_map(|(place, (name, tree))| {
            let Tree::Leaf(template) = tree else { return None };
            let rule = self.param(template).filter(|rule| !rule.param.allowed.is_empty())?;
            decides(name).then_some((place, rule, template))
        })
    }

    /// Each value that a param allows has to fit some alternative.
    fn allowed(&self, rule: &ParamRule, span: Span, schema: &Schema<'a>, at: &str) -> Verdict {
        let shapes = schema.shapes();
        let mut verdict = Verdict::default();
        for value in &rule.param.allowed {
            let each = shapes.iter().map(|shape| self.value(value, shape, at, span));
            let best = each.min_by_key(|verdict| verdict.weight).unwrap_or_default();
            verdict.add(best);
        }
        verdict
    }

    fn shape(&self, tree: &Tree, shape: &Shape<'a>, at: &str) -> Verdict {
        match tree {
            Tree::Leaf(template) => self.leaf(template, shape, at),
            Tree::Fixed(value) => self.value(value, shape, at, self.span),
            Tree::List(items) => match shape.takes("array") {
                true => self.items(items, shape, at),
                false => self.wrong_type("a list", shape, at, self.span),
            },
            Tree::Table(_) => self.wrong_type("a table", shape, at, self.span),
        }
    }

    fn items(&self, items: &[Tree], shape: &Shape<'a>, at: &str) -> Verdict {
        let mut verdict = Verdict::default();
        if let Some(schema) = shape.items() {
            for (place, item) in items.iter().enumerate() {
                verdict.add(self.tree(item, &schema, &format!("{at}[{place}]")));
            }
        }
        verdict
    }

    /// A table against one of several alternatives. A field that is not always sent may be one that
    /// only another of them has, or be missing where only this one requires it: which of them is
    /// meant follows from params nobody knows here.
    fn table(
        &self,
        entries: &[(String, Tree)],
        (shape, all): (&Shape<'a>, &[Shape<'a>]),
        at: &str,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let is_maybe_empty = self.is_text
            && !entries.is_empty()
            && !entries.iter().any(|(_, tree)| self.is_always_sent(tree));
        for name in shape.required() {
            if is_maybe_empty || self.is_read_only(shape, name) {
                continue;
            }
            let elsewhere = || all.iter().any(|other| !other.required().contains(&name));
            let message = match entries.iter().find(|(key, _)| key == name) {
                None => format!("`{}` requires the field `{name}`, which is not sent.", self.label),
                Some((_, tree)) if !self.is_always_sent(tree) && !elsewhere() => format!(
                    "`{}` requires the field `{name}`, which is sent only when it has a value.",
                    self.label
                ),
                Some(_) => continue,
            };
            verdict.add(self.wrong("missing-field", format!("{at}.{name}"), message, self.span));
        }
        for (name, tree) in entries {
            verdict.add(self.entry((name, tree), (shape, all), at));
        }
        verdict
    }

    fn entry(
        &self,
        (name, tree): (&str, &Tree),
        (shape, all): (&Shape<'a>, &[Shape<'a>]),
        at: &str,
    ) -> Verdict {
        let at = format!("{at}.{name}");
        match shape.field(name) {
            Field::Described(schema) if schema.is_read_only() => {
                let takes = |other: &Shape<'a>| match other.field(name) {
                    Field::Described(schema) => !schema.is_read_only(),
                    _ => false,
                };
                if !self.is_always_sent(tree) && all.iter().any(takes) {
                    return Verdict::default();
                }
                let message = format!(
                    "`{}` does not take the field `{name}`: it is marked readOnly, for answers only.",
                    self.label
                );
                return self.wrong("read-only-field", at, message, self.span_of(tree));
            }
            Field::Described(schema) => {
                let mut verdict = self.tree(tree, &schema, &at);
                verdict.weight = verdict.weight.min(WRONG_FIELD);
                return verdict;
            }
            Field::Anything => return Verdict::default(),
            // A description may require what it forgets to describe.
            Field::Unknown if shape.required().contains(&name) => return Verdict::default(),
            Field::Unknown => {}
        }
        let is_known = |other: &Shape<'a>| matches!(other.field(name), Field::Described(_));
        if !self.is_always_sent(tree) && all.iter().any(is_known) {
            return Verdict::default();
        }
        let message = format!(
            "`{}` takes no field `{name}` here. {}",
            self.label,
            suggestion(name, &shape.names())
        );
        self.wrong("unknown-field", at, message, self.span_of(tree))
    }

    fn span_of(&self, tree: &Tree) -> Span {
        tree.templates().first().map_or(self.span, |found| found.span)
    }

    /// Fields that only answers have may be required: that is about answers.
    fn is_read_only(&self, shape: &Shape<'a>, name: &str) -> bool {
        match shape.field(name) {
            Field::Described(schema) => schema.is_read_only(),
            _ => false,
        }
    }

    fn leaf(&self, template: &Template, shape: &Shape<'a>, at: &str) -> Verdict {
        if let Some(text) = template.literal() {
            return self.value(&Value::from(text), shape, at, template.span);
        }
        let kind = match template.single() {
            None | Some("name" | "marker") => ParamType::String,
            Some(_) => match self.param(template) {
                Some(rule) => rule.param.kind,
                None => return Verdict::default(),
            },
        };
        self.kind(kind, shape, at, template.span)
    }

    /// A value of which only the type is known.
    fn kind(&self, kind: ParamType, shape: &Shape<'a>, at: &str, span: Span) -> Verdict {
        let (word, shown) = match kind {
            ParamType::Any | ParamType::PathOrList => return Verdict::default(),
            ParamType::String | ParamType::Path => ("string", "a string"),
            ParamType::Integer => ("integer", "an integer"),
            ParamType::Number => ("number", "a number"),
            ParamType::Boolean => ("boolean", "a boolean"),
            ParamType::List => ("array", "a list"),
            ParamType::Texts => ("array", "a list of strings"),
            ParamType::Map => ("object", "a table"),
            ParamType::TextMap => ("object", "a table of strings"),
        };
        if !self.takes(shape, word) {
            return self.wrong_type(shown, shape, at, span);
        }
        let inner = match kind {
            ParamType::Texts if shape.takes("array") => shape.items(),
            _ => None,
        };
        let takes_texts =
            |schema: Schema<'a>| schema.shapes().iter().any(|shape| self.takes(shape, "string"));
        match inner.map(takes_texts) {
            Some(false) => self.wrong_type(shown, shape, at, span),
            _ => Verdict::default(),
        }
    }

    /// Whether a value of type `word` can be sent: as text, scalars are texts and one item is a list.
    fn takes(&self, shape: &Shape<'a>, word: &str) -> bool {
        let is_scalar = !["array", "object"].contains(&word);
        let as_item = || {
            let items = shape.items().filter(|_| shape.takes("array"));
            items.is_some_and(|items| items.shapes().iter().any(|item| item.takes(word)))
        };
        shape.takes(word) || (self.is_text && is_scalar && (shape.takes("string") || as_item()))
    }

    /// A value that is written out.
    fn value(&self, value: &Value, shape: &Shape<'a>, at: &str, span: Span) -> Verdict {
        let (word, shown) = match value {
            Value::Null => return Verdict::default(),
            Value::Bool(_) => ("boolean", "a boolean"),
            Value::Number(number) if number.is_f64() => ("number", "a number"),
            Value::Number(_) => ("integer", "an integer"),
            Value::String(_) => ("string", "a string"),
            Value::Array(_) => ("array", "a list"),
            Value::Object(_) => ("object", "a table"),
        };
        let is_written = self.is_text && value.as_str().is_some_and(|text| is_other(text, shape));
        if !is_written && !self.takes(shape, word) {
            return self.wrong_type(shown, shape, at, span);
        }
        let is_same = |known: &&Value| {
            **known == *value || (self.is_text && as_text(known) == as_text(value))
        };
        if let Some(values) = shape.values().filter(|values| !values.iter().any(is_same)) {
            let values: Vec<String> = values.into_iter().map(as_text).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let message = format!(
                "`{}` takes {} here, not `{}`.",
                self.label,
                named(&values),
                as_text(value)
            );
            return self.wrong("wrong-value", at.to_owned(), message, span);
        }
        match self.limit(value, shape) {
            Some(rule) => {
                let message =
                    format!("`{}` does not take `{}` here: {rule}.", self.label, as_text(value));
                self.wrong("wrong-value", at.to_owned(), message, span)
            }
            None => Verdict::default(),
        }
    }

    /// The pattern or bound that a value does not keep to.
    fn limit(&self, value: &Value, shape: &Shape<'a>) -> Option<String> {
        if let Some(number) = value.as_f64() {
            let bound = |key: &str| shape.keyword(key).and_then(Value::as_f64);
            let below = bound("minimum").filter(|least| number < *least);
            let above = bound("maximum").filter(|most| number > *most);
            return below
                .map(|least| format!("the least is {least}"))
                .or_else(|| above.map(|most| format!("the most is {most}")));
        }
        let text = value.as_str()?;
        // What regex-lite does not know, such as looking ahead, is not held against a text.
        let breaks = |pattern: &&str| {
            regex_lite::Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
        };
        shape.patterns().find(breaks).map(|pattern| format!("it has to match `{pattern}`"))
    }

    fn wrong_type(&self, shown: &str, shape: &Shape<'a>, at: &str, span: Span) -> Verdict {
        let items = shape.items().map(|items| items.shapes()).unwrap_or_default();
        let inner: Vec<&str> = items.iter().flat_map(Shape::types).collect();
        let inner = match inner.is_empty() {
            true => String::new(),
            false => format!(" of {}", named(&inner)),
        };
        let message =
            format!("`{}` takes {}{inner} here, not {shown}.", self.label, named(&shape.types()));
        let mut verdict = self.wrong("wrong-type", at.to_owned(), message, span);
        verdict.weight = OTHER_TYPE;
        verdict
    }

    fn wrong(&self, rule: &'static str, at: String, message: String, span: Span) -> Verdict {
        let finding = self.linter.finding(rule, at, message, span);
        let weight = if rule == "wrong-value" { WRONG_FIELD } else { 1 };
        Verdict { findings: vec![finding], weight }
    }
}

/// Whether a text spells a number or boolean where one is asked for.
fn is_other(text: &str, shape: &Shape<'_>) -> bool {
    (shape.takes("number") && text.parse::<f64>().is_ok())
        || (shape.takes("integer") && text.parse::<i64>().is_ok())
        || (shape.takes("boolean") && ["true", "false"].contains(&text))
}

/// The text of an expression without what stands in quotes.
fn outside_of_quotes(text: &str) -> String {
    let mut quote = None;
    let mut kept = String::new();
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None => kept.push(c),
        }
    }
    kept
}
