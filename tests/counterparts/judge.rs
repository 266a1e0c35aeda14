//! Prism: a server that refuses what a provider's own description does not allow.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cut;
use crate::part::{Counterparts, Part, node};
use crate::wire::Message;

/// Prism with one description.
pub struct Prism {
    part: Part,
}

/// What Prism says to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Accepted,
    /// The description knows no such path or method.
    Unknown,
    /// What is wrong with it.
    Refused(String),
}

impl Prism {
    pub fn start(parts: &Counterparts, description: &Path) -> Result<Self, String> {
        Self::run(parts, "mock", description, None)
    }

    /// Prism before a server: what breaks the description is told in a header of the answer.
    pub fn proxy(parts: &Counterparts, description: &Path, upstream: &str) -> Result<Self, String> {
        Self::run(parts, "proxy", description, Some(upstream))
    }

    fn run(
        parts: &Counterparts,
        verb: &str,
        description: &Path,
        upstream: Option<&str>,
    ) -> Result<Self, String> {
        let prism = parts.installed("npm/node_modules/.bin/prism", "prism")?;
        let node = node()?;
        let part = Part::start(&format!("prism {verb}"), |port| {
            let mut command = Command::new(node);
            command.arg(prism).args([verb, "-h", "127.0.0.1", "-p", &port.to_string()]);
            command.arg(description).args(upstream);
            command
        })?;
        Ok(Self { part })
    }

    pub fn address(&self) -> SocketAddr {
        self.part.address
    }

    pub fn judge(&self, request: &Message) -> Verdict {
        let answer = request.send(self.address());
        answer.map_or_else(|error| Verdict::Refused(error.to_string()), |a| verdict(&a))
    }
}

/// Looks at every field of Stripe's forms, and passes on to Prism what it finds well.
pub struct Forms {
    part: Part,
}

impl Forms {
    pub fn start(parts: &Counterparts, prism: &Prism) -> Result<Self, String> {
        let python = parts.installed("py/venv/bin/python", "python")?;
        let part = Part::start("stripe_formcheck.py", |port| {
            let mut command = Command::new(python);
            command.arg(parts.scripts.join("stripe_formcheck.py")).arg(port.to_string());
            command.arg(format!("http://{}", prism.address()));
            command
        })?;
        Ok(Self { part })
    }

    pub fn address(&self) -> SocketAddr {
        self.part.address
    }

    pub fn judge(&self, request: &Message) -> Verdict {
        let answer = request.send(self.address());
        answer.map_or_else(|error| Verdict::Refused(error.to_string()), |a| verdict(&a))
    }
}

/// What an answer of Prism says about its request.
pub fn verdict(answer: &Message) -> Verdict {
    let body = answer.json();
    let problem = body["type"].as_str().filter(|kind| kind.contains("stoplight.io/prism/errors"));
    match problem.and_then(|kind| kind.rsplit('#').next()) {
        Some("NO_PATH_MATCHED_ERROR" | "NO_METHOD_MATCHED_ERROR") => return Verdict::Unknown,
        // Nothing is said about the request: the description has no answer to show for it.
        Some("NO_RESPONSE_DEFINED" | "NO_SUCCESS_RESPONSE_DEFINED") => return Verdict::Accepted,
        Some(kind) if body["validation"].is_null() => {
            return Verdict::Refused(format!("{kind}: {}", body["detail"]));
        }
        Some(_) => return Verdict::Refused(violations(&body["validation"])),
        None => {}
    }
    // Where the description has a 422 of its own, Prism shows that and says why in a header.
    let header = answer.header("sl-violations").unwrap_or("[]");
    let said = match serde_json::from_str(header) {
        Ok(list) => violations(&list),
        // Too many to say them all.
        Err(_) => header.chars().take(500).collect(),
    };
    match (said.is_empty(), answer.status()) {
        (true, 200..400) => Verdict::Accepted,
        (true, status) => Verdict::Refused(format!("{status} {}", answer.text())),
        (false, _) => Verdict::Refused(said),
    }
}

/// What is wrong with a request; what is wrong with an answer of Prism's own is not ours.
fn violations(list: &Value) -> String {
    let about_requests = breaches(list).into_iter().filter(|one| !one.starts_with("response"));
    about_requests.collect::<Vec<_>>().join("; ")
}

/// Everything that is wrong with a request and its answer, as the header of a proxy lists it.
pub fn breaches(list: &Value) -> Vec<String> {
    let list = list.as_array().cloned().unwrap_or_default();
    let errors = list.iter().filter(|one| one["severity"] == "Error");
    let text = |one: &Value| {
        let place = one["location"].as_array().cloned().unwrap_or_default();
        let place: Vec<String> = place.iter().map(provision::value::as_text).collect();
        format!("{}: {}", place.join("."), one["message"].as_str().unwrap_or_default())
    };
    errors.map(text).collect()
}

/// The files that describe the providers.
pub struct Descriptions {
    folder: PathBuf,
    /// What was cut out of the descriptions that `.ci/descriptions.sh` fetched.
    own: PathBuf,
    read: HashMap<PathBuf, Value>,
}

impl Descriptions {
    pub fn of(parts: &Counterparts) -> Result<Self, String> {
        let folder = parts.descriptions();
        if !folder.is_dir() {
            return Err(format!("there are no descriptions in {}", folder.display()));
        }
        let own = cut::cuts(&parts.fetched())?;
        Ok(Self { folder, own, read: HashMap::new() })
    }

    /// The repaired cut that requests are judged with.
    pub fn cut(&self, provider: &str) -> Option<PathBuf> {
        let folders = [&self.folder, &self.own];
        let paths = folders.map(|folder| folder.join(format!("{provider}.json")));
        paths.into_iter().find(|path| path.is_file())
    }

    /// The whole description as published.
    pub fn full(&self, provider: &str) -> Option<PathBuf> {
        let files = ["json", "yaml"].map(|end| self.folder.join(format!("full/{provider}.{end}")));
        files.into_iter().find(|path| path.is_file())
    }

    /// What a description says.
    pub fn read(&mut self, path: &Path) -> &Value {
        self.read.entry(path.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            match path.extension().is_some_and(|end| end == "yaml") {
                true => serde_saphyr::from_str(&text).unwrap_or(Value::Null),
                false => serde_json::from_str(&text).unwrap_or(Value::Null),
            }
        })
    }
}

/// Whether Prism's validator compiles every schema: what it cannot compile it lets pass in silence.
pub fn compile_check(parts: &Counterparts, description: &Path) -> Result<String, String> {
    let script = parts.scripts.join("prism_compile_check.js");
    let mut command = Command::new(node()?);
    command.arg(script).arg(description).env("COUNTERPARTS_HOME", &parts.home);
    let ended = command.output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}
