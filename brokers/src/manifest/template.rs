//! Texts with `{{ expressions }}` in them, and trees of such texts.

use minijinja::UndefinedBehavior;
use minijinja::value::{Serde, Value as Dynamic};
use provision::diagnostic::{Diagnostic, Diagnostics, Span};
use provision::text::{Kind, Node};
use provision::value::as_text;
use serde_json::{Map, Value};

use super::language::Language;

/// A text that may hold expressions.
#[derive(Clone, Debug, Default)]
pub struct Template {
    parts: Vec<Part>,
    /// Where it is written.
    pub span: Span,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// An expression, without its braces.
    Expression {
        /// Its text.
        text: String,
        /// Where it begins inside the template, in bytes.
        offset: usize,
    },
}

/// An expression could not be evaluated.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{expression}`: {message}")]
pub struct ExpressionError {
    /// The expression.
    pub expression: String,
    /// What is wrong. Names values, never shows them.
    pub message: String,
    /// Where the template is written.
    pub span: Span,
}

impl Template {
    /// Splits `text` into its parts. Braces that do not match are a problem.
    pub fn parse(text: &str, span: Span, problems: &mut Diagnostics) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let offset = text.len() - after.len();
            let Some(end) = end_of(after) else {
                let problem = Diagnostic::error("expression", "A `{{` has no `}}`.").at(span);
                problems.push(problem);
                break;
            };
            let (expression, behind) = after.split_at(end);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Expression { text: expression.to_owned(), offset });
            rest = behind.get(2..).unwrap_or_default();
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Self { parts, span }
    }

    /// A template that is one expression.
    #[must_use]
    pub fn expression(text: &str) -> Self {
        let part = Part::Expression { text: text.to_owned(), offset: 0 };
        Self { parts: vec![part], span: Span::default() }
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its expressions, without their braces.
    pub fn expressions(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expression { text, .. } => Some(text.as_str()),
        })
    }

    /// The expression, when the template is one expression and nothing else.
    #[must_use]
    pub fn single(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Expression { text, .. }] => Some(text.trim()),
            _ => None,
        }
    }

    /// The text, when there is no expression in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The path, e.g. `response.droplet.id`, when the template is one expression that is a path.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.single().filter(|text| {
            let is_path = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
            text.chars().all(is_path) && text.starts_with(|c: char| c.is_ascii_alphabetic())
        })
    }

    /// Its value, `None` when it is one expression and that is undefined.
    ///
    /// # Errors
    /// What is wrong with the expression, or with the values it meets.
    pub fn value(
        &self,
        language: &Language,
        scope: &Scope,
    ) -> Result<Option<Value>, ExpressionError> {
        if let [Part::Expression { text, .. }] = self.parts.as_slice() {
            let value = self.evaluate(language, text, scope)?;
            if value.is_undefined() {
                return Ok(None);
            }
            return serde_json::to_value(&value)
                .map(Some)
                .map_err(|error| self.error(text, &error.to_string()));
        }
        self.render(language, scope, as_text).map(|text| Some(Value::from(text)))
    }

    /// Its value; what is inside something undefined is undefined too.
    ///
    /// # Errors
    /// As [`Template::value`].
    pub fn shown(
        &self,
        language: &Language,
        scope: &Scope,
    ) -> Result<Option<Value>, ExpressionError> {
        let Some(text) = self.single() else { return self.value(language, scope) };
        let compiled = language.compile(text, UndefinedBehavior::Chainable);
        let value = compiled
            .and_then(|expression| expression.eval(scope.0.clone()))
            .map_err(|error| self.error(text, error.detail().unwrap_or("it has no value here")))?;
        if value.is_undefined() {
            return Ok(None);
        }
        let value = serde_json::to_value(&value);
        value.map(Some).map_err(|error| self.error(text, &error.to_string()))
    }

    /// Its text; `each` turns the value of an expression into text.
    ///
    /// # Errors
    /// As [`Template::value`], and when an expression is undefined or null.
    pub fn render(
        &self,
        language: &Language,
        scope: &Scope,
        each: impl Fn(&Value) -> String,
    ) -> Result<String, ExpressionError> {
        let mut whole = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Expression { text, .. } => {
                    let value = self.evaluate(language, text, scope)?;
                    if value.is_undefined() || value.is_none() {
                        return Err(self.error(text, "it has no value here"));
                    }
                    let value = serde_json::to_value(&value)
                        .map_err(|error| self.error(text, &error.to_string()))?;
                    whole.push_str(&each(&value));
                }
            }
        }
        Ok(whole)
    }

    /// Its value over anything at all: `None` where it cannot be evaluated.
    #[must_use]
    pub fn lenient(&self, language: &Language, scope: &Scope) -> Option<Value> {
        let text = self.single()?;
        let compiled = language.compile(text, UndefinedBehavior::Chainable).ok()?;
        let value = compiled.eval(scope.0.clone()).ok()?;
        serde_json::to_value(&value).ok().filter(|_| !value.is_undefined())
    }

    fn evaluate(
        &self,
        language: &Language,
        text: &str,
        scope: &Scope,
    ) -> Result<Dynamic, ExpressionError> {
        let compiled = language.compile(text, UndefinedBehavior::SemiStrict);
        compiled
            .and_then(|expression| expression.eval(scope.0.clone()))
            .map_err(|error| self.error(text, error.detail().unwrap_or("it has no value here")))
    }

    fn error(&self, expression: &str, message: &str) -> ExpressionError {
        let (expression, message) = (expression.trim().to_owned(), message.to_owned());
        ExpressionError { expression, message, span: self.span }
    }
}

/// Where the expression that `text` begins with ends: at the first `}}` outside of its own strings
/// and tables.
fn end_of(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_u32;
    let mut last = ' ';
    for (place, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q && last != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, '}') if text.get(place..).is_some_and(|rest| rest.starts_with("}}")) => {
                return Some(place);
            }
            _ => {}
        }
        last = c;
    }
    None
}

/// A table, list or value in which every text is a template.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A text.
    Leaf(Template),
    /// A number, a boolean or null.
    Fixed(Value),
    /// A list.
    List(Vec<Tree>),
    /// A table.
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// The tree of a parsed value.
    pub fn parse(node: &Node, problems: &mut Diagnostics) -> Self {
        match &node.kind {
            Kind::Text(text) => Self::Leaf(Template::parse(text, node.span, problems)),
            Kind::List(items) => {
                Self::List(items.iter().map(|item| Self::parse(item, problems)).collect())
            }
            Kind::Map(entries) => Self::Table(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), Self::parse(&entry.value, problems)))
                    .collect(),
            ),
            _ => Self::Fixed(node.to_value()),
        }
    }

    /// Its value. What is undefined is left out; `None` when that is all of it.
    ///
    /// # Errors
    /// As [`Template::value`].
    pub fn value(
        &self,
        language: &Language,
        scope: &Scope,
    ) -> Result<Option<Value>, ExpressionError> {
        Ok(match self {
            Self::Leaf(template) => template.value(language, scope)?,
            Self::Fixed(value) => Some(value.clone()),
            Self::List(items) => {
                let mut values = Vec::new();
                for item in items {
                    values.extend(item.value(language, scope)?);
                }
                Some(Value::Array(values))
            }
            Self::Table(entries) => {
                let mut map = Map::new();
                for (key, tree) in entries {
                    if let Some(value) = tree.value(language, scope)? {
                        map.insert(key.clone(), value);
                    }
                }
                Some(Value::Object(map))
            }
        })
    }

    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Leaf(template) => vec![template],
            Self::Fixed(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Table(entries) => entries.iter().flat_map(|(_, tree)| tree.templates()).collect(),
        }
    }
}

/// The names an expression may use, with their values.
#[derive(Clone, Debug, Default)]
pub struct Scope(std::collections::BTreeMap<String, Dynamic>);

impl Scope {
    /// The same with a value under `name`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &Value) -> Self {
        self.set(name, value);
        self
    }

    /// Puts a value under `name`.
    pub fn set(&mut self, name: &str, value: &Value) {
        self.0.insert(name.to_owned(), Dynamic::from(Serde(value)));
    }
}
