//! Reading the config: its text, its format, and the files it includes.

use std::io::Read as _;
use std::path::Path;

use provision::config::Document;
use provision::diagnostic::{Diagnostic, Diagnostics};
use provision::place::Escape;
use provision::text::{Format, Kind, Node, parse, parse_placeless};

use super::Context;
use crate::exit::Exit;
use crate::failure::{Failure, sentence};

/// The greatest config that is read, in bytes.
const CONFIG_SIZE_MAX: u64 = 64 * 1024 * 1024;

impl Context {
    pub(super) fn config_text(&self) -> Result<(String, String, Format), Failure> {
        if self.global.config.as_deref() == Some(Path::new("-")) {
            return Ok((read_stdin()?, "<stdin>".to_owned(), Format::Json));
        }
        let Some(path) = &self.config else {
            return Err(Failure::with_help(
                Exit::Error,
                "no-config",
                "There is no config here: prov.toml, prov.yaml or prov.json.",
                "Run `prov init` to write one, or name one: `prov -c FILE …`.",
            ));
        };
        let name = self.display_name(path);
        let format = Format::of(&name).ok_or_else(|| {
            Failure::with_help(
                Exit::Error,
                "config-format",
                format!("{name} has none of the extensions .toml, .yaml, .yml and .json."),
                "Rename it to say which format it is.",
            )
        })?;
        Ok((read_config(path, &name)?, name, format))
    }

    fn display_name(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(&here).unwrap_or(path).display().to_string()
    }

    /// Reads a config text. JSON is first read without places, which is much faster; only when
    /// something is wrong it is read again to say where.
    pub(super) fn read_document(
        &mut self,
        (text, name, format): (&str, &str, Format),
        is_included: bool,
        problems: &mut Diagnostics,
    ) -> Option<Document> {
        let source = self.sources.add(name, text);
        if text.trim().is_empty() {
            problems.push(
                Diagnostic::error("empty-config", format!("{name} is empty."))
                    .help("Run `prov init` in an empty folder to see what one looks like."),
            );
            return None;
        }
        if let Some(root) = parse_placeless(text, format).filter(|root| !root.entries().is_empty())
        {
            let mut found = Diagnostics::default();
            let document = Document::read(root, &mut found);
            if found.is_empty() && document.include.is_empty() {
                return Some(document);
            }
        }
        let root: Node = match parse(text, format, source) {
            Ok(root) => root,
            Err(found) => {
                problems.extend(found);
                return None;
            }
        };
        if matches!(root.kind, Kind::Null) || matches!(&root.kind, Kind::Map(e) if e.is_empty()) {
            // What a generator prints that failed must not mean that everything goes.
            let help = "To declare that nothing is wanted, write `instances = []`.";
            problems.push(
                Diagnostic::error("empty-config", format!("{name} declares nothing.")).help(help),
            );
            return None;
        }
        let mut document = Document::read(root, problems);
        if is_included && !document.include.is_empty() {
            let place = document.include.first().map(|include| include.span).unwrap_or_default();
            let summary = "An included file cannot include others.";
            problems.push(Diagnostic::error("include", summary).at(place));
            return Some(document);
        }
        self.include(&mut document, problems);
        Some(document)
    }

    pub(super) fn include(&mut self, document: &mut Document, problems: &mut Diagnostics) {
        for include in document.include.clone() {
            let place = |problem: Diagnostic| problem.at(include.span);
            if provision::config::escapes(&include.value) && !self.global.allow_outside {
                let summary = format!("`{}` leads out of the project's folder.", include.value);
                problems.push(
                    place(Diagnostic::error("outside", summary))
                        .help("Use a path inside it, or give `--allow-outside`."),
                );
                continue;
            }
            let path = match self.bounds().existing(&include.value) {
                Ok(path) => path,
                // What is not there is said by who reads it.
                Err(Escape::Io { .. } | Escape::Empty) => self.root.join(&include.value),
                Err(escape) => {
                    let problem = Diagnostic::error("outside", sentence(&escape.to_string()));
                    problems.push(place(problem.maybe_help(escape.help().map(str::to_owned))));
                    continue;
                }
            };
            let Some(format) = Format::of(&include.value) else {
                let summary = format!("`{}` is not .toml, .yaml or .json.", include.value);
                problems.push(place(Diagnostic::error("config-format", summary)));
                continue;
            };
            let text = match read_config(&path, &include.value) {
                Ok(text) => text,
                Err(failure) => {
                    let summary =
                        failure.problems().iter().map(|p| p.summary.clone()).collect::<String>();
                    problems.push(place(Diagnostic::error("include", summary)));
                    continue;
                }
            };
            let read = self.read_document((&text, &include.value, format), true, problems);
            if let Some(other) = read {
                document.merge(other, problems);
            }
        }
    }
}

fn read_config(path: &Path, name: &str) -> Result<String, Failure> {
    let failed = |what: &str| {
        let summary = format!("The config {name} {what}.");
        Failure::new(Exit::Error, "config-file", summary)
    };
    let metadata =
        std::fs::metadata(path).map_err(|error| failed(&format!("cannot be read: {error}")))?;
    if metadata.is_dir() {
        return Err(failed("is a folder"));
    }
    if metadata.len() > CONFIG_SIZE_MAX {
        let size = metadata.len() / 1024 / 1024;
        return Err(failed(&format!("has {size} MiB; more than 64 MiB are not read")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&format!("cannot be read: {error}")))?;
    into_text(bytes, name)
}

fn into_text(mut bytes: Vec<u8>, name: &str) -> Result<String, Failure> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let summary = format!("The config {name} is not UTF-8 (byte {at}).");
        Failure::with_help(Exit::Error, "config-file", summary, "Save it as UTF-8.")
    })
}

fn read_stdin() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(CONFIG_SIZE_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| {
        Failure::new(Exit::Error, "config-file", format!("Standard input: {error}."))
    })?;
    if bytes.len() as u64 > CONFIG_SIZE_MAX {
        let summary = "The config on standard input has more than 64 MiB.";
        return Err(Failure::new(Exit::Error, "config-file", summary));
    }
    into_text(bytes, "on standard input")
}
