//! The language of expressions: minijinja with a few filters and functions of ours.

use std::collections::HashSet;
use std::ops::Range;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::functions;
use crate::local::Settings;

/// The names of filters that minijinja and we provide, for finding typing errors.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "attr",
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
    "groupby",
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
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
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
        check_length(text)?;
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
        let expression = check_length(text)
            .and_then(|()| self.environment.compile_expression_owned(text.to_owned()));
        let expression = expression.map_err(|error| SyntaxError {
            message: error.detail().unwrap_or("it is no expression").to_owned(),
            range: error.range().map(|range| whole_characters(text, &range)),
        })?;
        let names = expression.undeclared_variables(true);
        Ok(Outline { names, unknown_filters: unknown_filters(text) })
    }
}

/// The longest expression, in bytes. Minijinja bounds how deep brackets nest, but a chain of filters,
/// fields or signs is as deep for it, and a longer one would be more than the stack holds.
const EXPRESSION_MAX: usize = 1000;

fn check_length(text: &str) -> Result<(), Error> {
    if text.len() <= EXPRESSION_MAX {
        return Ok(());
    }
    let message = format!("it is longer than {EXPRESSION_MAX} bytes");
    Err(Error::new(ErrorKind::SyntaxError, message))
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
    fn no_expression_is_too_deep() {
        let language = Language::new(Settings::default());
        for part in
            ["-", "not ", "1+", "a.", "a|e|", "1 if 1 else ", "a or ", "(", "[", "1<", "'a'~"]
        {
            for length in [EXPRESSION_MAX, 1_000_000] {
                let text = part.repeat(length / part.len() - 1) + "1";
                let _ = language.outline(&text);
                let compiled = language.compile(&text, UndefinedBehavior::Chainable);
                let _ = compiled.and_then(|expression| expression.eval(()));
            }
        }
    }

    #[test]
    fn no_text_is_too_large() {
        let language = Language::new(Settings::default());
        for text in [
            "('x' * 1000000) | replace('x', 'y' * 1000000)",
            "range(10000) | map('string') | join('x' * 100000)",
            "range(10000) | map('string') | join(d='x' * 100000)",
            "'a' | indent(1000000000)",
            "'%099999999999d' | format(1)",
            "[1] | batch(1000000000, 0) | list",
            "[1] | slice(1000000000, 0) | list",
            "1 | tojson(indent=1000000000)",
        ] {
            let expression = language.compile(text, UndefinedBehavior::Chainable).unwrap();
            assert!(expression.eval(()).is_err(), "{text}");
        }
        let expression = language
            .compile("['a', 'b'] | join('-') | replace('b', 'c')", UndefinedBehavior::Chainable);
        assert_eq!(expression.unwrap().eval(()).unwrap().as_str(), Some("a-c"));
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
