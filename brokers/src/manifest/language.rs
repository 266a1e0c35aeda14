//! The language of expressions: minijinja with a few filters and functions of ours.

use std::collections::HashSet;
use std::ops::Range;

use minijinja::{Environment, Error, UndefinedBehavior};

use super::functions;
use crate::local::Settings;

/// The names of filters that minijinja and we provide, for finding typing errors.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "default",
    "d",
    "dictsort",
    "escape",
    "e",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "count",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "zip",
    // ours
    "segments",
    "b64encode",
    "b64decode",
    "sha1",
    "sha256",
    "json",
    "from_json",
    "keys",
    "values",
    "without",
    "pick",
];

/// The expression language.
pub struct Language {
    environment: Environment<'static>,
    lenient: Environment<'static>,
}

/// What an expression refers to, or what is wrong with it.
pub struct Outline {
    /// The paths of the names it uses, e.g. `response.droplet.id`.
    pub names: HashSet<String>,
    /// Filters nobody knows.
    pub unknown_filters: Vec<String>,
}

/// An expression that does not parse.
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Which bytes of the expression.
    pub range: Option<Range<usize>>,
}

impl Language {
    /// The language; `files` looks where `settings` allow it.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        functions::add_to(&mut environment, settings);
        let mut lenient = environment.clone();
        lenient.set_undefined_behavior(UndefinedBehavior::Chainable);
        Self { environment, lenient }
    }

    pub(super) fn compile<'a>(
        &'a self,
        text: &'a str,
        behavior: UndefinedBehavior,
    ) -> Result<minijinja::Expression<'a, 'static>, Error> {
        let environment = match behavior {
            UndefinedBehavior::Chainable => &self.lenient,
            _ => &self.environment,
        };
        environment.compile_expression_owned(text.to_owned())
    }

    /// What `text` refers to.
    ///
    /// # Errors
    /// When it is no expression.
    pub fn outline(&self, text: &str) -> Result<Outline, SyntaxError> {
        let expression = self.environment.compile_expression_owned(text.to_owned());
        let expression = expression.map_err(|error| SyntaxError {
            message: error.detail().unwrap_or("it is no expression").to_owned(),
            range: error.range().map(|range| whole_characters(text, &range)),
        })?;
        let names = expression.undeclared_variables(true);
        Ok(Outline { names, unknown_filters: unknown_filters(text) })
    }
}

/// A range of bytes, widened to whole characters of `text`: minijinja counts bytes where it meets a
/// character that means nothing to it.
fn whole_characters(text: &str, range: &Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// The filters in `text` that nobody knows. Minijinja notices them only when it meets them.
fn unknown_filters(text: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut quote = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == '|' => {
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                let mut name = String::new();
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                if !FILTERS.contains(&name.as_str()) {
                    unknown.push(name);
                }
            }
            None => {}
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_filter_exists() {
        let language = Language::new(Settings::default());
        for filter in FILTERS {
            let text = format!("'x' | {filter}");
            let result = language.environment.compile_expression(&text).unwrap().eval(());
            let missing =
                result.is_err_and(|error| error.kind() == minijinja::ErrorKind::UnknownFilter);
            assert!(!missing, "{filter}");
        }
    }

    #[test]
    fn a_place_is_one_of_whole_characters() {
        let text = " … ";
        let Err(error) = Language::new(Settings::default()).outline(text) else {
            panic!("an ellipsis is an expression");
        };
        assert_eq!(text.get(error.range.unwrap()), Some("…"));
    }

    #[test]
    fn filters_in_strings_are_none() {
        assert_eq!(unknown_filters("'a | b' | upper | uper"), ["uper"]);
    }
}
