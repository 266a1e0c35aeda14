//! The settings of a project: where the journal is and where bound outputs land.

use std::path::{Path, PathBuf};

use provision::config::Document;
use provision::config::expression::{self, Expression, Segment};
use provision::diagnostic::{Diagnostic, Diagnostics, Span};
use provision::place::Bounds;
use serde_json::Value;

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sink::Sink;

impl Context {
    pub(super) fn journal_path(&self, document: &Document) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.global.journal {
            return self.typed(&std::env::current_dir().unwrap_or_default().join(path));
        }
        let path = match &document.journal {
            Some(path) => self.setting_path("journal", &path.value, path.span)?,
            None => format!(".prov/{}.journal.json", self.stage),
        };
        Ok(self.bounds().own(&self.root.join(path))?)
    }

    /// The folder that paths stay in.
    pub fn bounds(&self) -> Bounds {
        Bounds { root: self.root.clone(), allow_outside: self.global.allow_outside }
    }

    /// Where a path leads that was typed; see [`Bounds::typed`].
    ///
    /// # Errors
    /// When it looks like one inside the project, and a link leads out or nowhere.
    pub fn typed(&self, path: &Path) -> Result<PathBuf, Failure> {
        Ok(self.bounds().typed(path)?)
    }

    /// A path among the settings, which may hold `${stage}` and `${env.X}`.
    fn setting_path(&self, field: &str, text: &str, span: Span) -> Result<String, Failure> {
        let unusable = |summary: String| {
            let mut problems = Diagnostics::default();
            let help = "A setting may hold `${stage}` and `${env.NAME}`.";
            problems.push(Diagnostic::error("setting", summary).at(span).help(help));
            Failure::of(Exit::Error, problems)
        };
        let segment = |segment: Segment<'_>| match segment {
            Segment::Text(text) => Ok(text.to_owned()),
            Segment::Stage => Ok(self.stage.to_string()),
            Segment::Env(name) => std::env::var(name)
                .map_err(|_| unusable(format!("The environment variable `{name}` is not set."))),
            _ => Err(unusable(format!("`{field}` reads something that is not known this early."))),
        };
        let path = match expression::parse(text) {
            Ok(Expression::Literal(literal)) => literal.into_owned(),
            Ok(Expression::Template(segments)) => {
                segments.into_iter().map(segment).collect::<Result<String, Failure>>()?
            }
            _ => return Err(unusable(format!("`{field}` is not a path: `{text}`."))),
        };
        if provision::config::escapes(&path) && !self.global.allow_outside {
            return Err(self.outside(field, &path, span));
        }
        Ok(path)
    }

    fn own(&self, path: &str) -> Result<PathBuf, Failure> {
        Ok(self.bounds().own(&self.root.join(path))?)
    }

    pub(super) fn sink(&self, document: &Document) -> Result<Sink, Failure> {
        let Some(node) = &document.sink else {
            return Ok(Sink::Dotenv(self.own(&self.default_env_file())?));
        };
        let value = node.to_value();
        let (kind, path) = match &value {
            Value::String(text) if text == "none" || text == "stdout" => {
                (Some(text.as_str()), None)
            }
            Value::String(text) => (None, Some(text.as_str())),
            other => (
                other.get("kind").and_then(Value::as_str),
                other.get("path").and_then(Value::as_str),
            ),
        };
        let default = self.default_env_file();
        let file = self.setting_path("sink", path.unwrap_or(&default), node.span)?;
        self.refuse_own_file(&self.root.join(&file), node.span)?;
        let is_json = kind == Some("json") || kind.is_none() && file.ends_with(".json");
        match kind {
            Some("none") => Ok(Sink::None),
            Some("stdout") if self.global.json => Ok(Sink::Events),
            Some("stdout") => Ok(Sink::Stdout),
            Some("dotenv" | "json") | None if is_json => Ok(Sink::Json(self.own(&file)?)),
            Some("dotenv") | None => Ok(Sink::Dotenv(self.own(&file)?)),
            Some(other) => {
                let mut problems = Diagnostics::default();
                problems.push(
                    Diagnostic::error("unknown-sink", format!("There is no sink `{other}`."))
                        .at(node.span)
                        .help("Write `dotenv`, `json`, `stdout` or `none`."),
                );
                Err(Failure::of(Exit::Error, problems))
            }
        }
    }

    /// Values would be written into the config, or over the journal.
    fn refuse_own_file(&self, sink: &Path, span: Span) -> Result<(), Failure> {
        let is_config = self.config.as_deref() == Some(sink);
        if !is_config && !sink.starts_with(self.root.join(".prov")) {
            return Ok(());
        }
        let mut problems = Diagnostics::default();
        let summary = "The sink is a file of prov's own.";
        let problem = Diagnostic::error("sink", summary).at(span);
        problems.push(problem.help("Choose another, e.g. `sink = \".env\"`."));
        Err(Failure::of(Exit::Error, problems))
    }

    /// `.env`, and for a stage that was named `.env.<stage>`, so that stages live side by side.
    fn default_env_file(&self) -> String {
        match self.stage.as_str() {
            "default" => ".env".to_owned(),
            stage => format!(".env.{stage}"),
        }
    }

    fn outside(&self, field: &str, path: &str, span: Span) -> Failure {
        let mut problems = Diagnostics::default();
        let summary = format!("`{field}` leads out of the project's folder: `{path}`.");
        problems.push(
            Diagnostic::error("outside", summary)
                .at(span)
                .help("Use a path inside it, or give `--allow-outside`."),
        );
        Failure::of(Exit::Error, problems)
    }
}
