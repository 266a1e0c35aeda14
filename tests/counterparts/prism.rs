//! Every request of every manifest, before a server that knows the provider's own description.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use brokers::catalog;
use brokers::local::Settings;
use brokers::manifest::{self, Manifest};
use brokers::rest::RestBroker;
use provision::diagnostic::{Diagnostics, Sources};
use tempfile::TempDir;

use crate::between::{Between, Passed};
use crate::drive::{Drive, surroundings};
use crate::example::is_sent;
use crate::judge::{Descriptions, Forms, Prism, Verdict, compile_check, verdict};
use crate::mutate::{self, Mutations};
use crate::part::Counterparts;
use crate::wire::Message;
use crate::{say, unproven};

/// What no `lint.toml` excuses, as no linter sees it: service, a word of the refusal, reason.
const BESIDES: [(&str, &str, &str); 5] = [
    (
        "cloudflare-www-redirect",
        "'last_updated'",
        "The schema, which nobody repaired, requires of a new rule what only Cloudflare writes, and \
         an expression for `target_url` fits both ways of its oneOf.",
    ),
    (
        "cloudflare-dns-record",
        "required property 'content'",
        "The variant without `content` and `data`, of which an instance needs one.",
    ),
    (
        "cloudflare-zone",
        "found 'paused'",
        "The schema says `readOnly`, and the operation's own example sends it.",
    ),
    (
        "netlify-deploy",
        "no such path",
        "A variable in a path of OpenAPI holds no slash, and Netlify's {path} does; a file without \
         a folder is accepted.",
    ),
    (
        "netlify-env",
        "values.0.value must be string",
        "The variant without `value` and `context_values`, of which an instance needs one.",
    ),
];

/// Mutants that a whole description lets live: service, mutant, reason.
const SURVIVORS: [(&str, &str, &str); 1] = [(
    "digitalocean-droplet",
    "/v2/tags with `name` of a wrong type",
    "Not judged: a pattern of the schema escapes what needs no escape, so that Prism cannot compile \
     it and lets everything pass. That path and method exist is all that is proven.",
)];

/// Operations that a description knows only in another place, in the same shape.
pub const TWINS: [(&str, &str); 1] =
    [("/accounts/023e105f4ecef8ad9ca31a8372d0c353/tokens", "/user/tokens")];

/// The requests of a service, told by verb, method and path of the manifest.
#[derive(Default)]
struct Row {
    accepted: BTreeSet<String>,
    /// Accepted by the whole description, or in the place of a twin.
    elsewhere: BTreeSet<String>,
    /// Refused, and why the description is wrong there.
    excepted: BTreeMap<String, String>,
    refused: BTreeMap<String, String>,
    /// What no variant of the example sends.
    unsent: Vec<String>,
    /// What the interpreter could not do.
    complaints: Vec<String>,
    mutations: Mutations,
}

/// The manifests that are built in, by provider.
pub fn providers() -> BTreeMap<String, Vec<Manifest>> {
    let (mut sources, mut problems) = (Sources::default(), Diagnostics::default());
    let mut by_provider: BTreeMap<String, Vec<Manifest>> = BTreeMap::new();
    for manifest in manifest::load(catalog::built_in(), &mut sources, &mut problems) {
        by_provider.entry(manifest.provider.id.clone()).or_default().push(manifest);
    }
    assert!(!problems.has_errors(), "the catalogue has problems");
    by_provider
}

/// The counterparts and the descriptions, or none with the reason said.
pub fn parts(proof: &str) -> Option<(Counterparts, Descriptions)> {
    let found = Counterparts::find().and_then(|parts| {
        parts.installed("npm/node_modules/.bin/prism", "prism")?;
        let descriptions = Descriptions::of(&parts)?;
        Ok((parts, descriptions))
    });
    found.map_err(|why| unproven(proof, &why)).ok()
}

#[test]
fn the_judge_judges() {
    let proof = "that Prism validates with every schema of the descriptions";
    let Some((parts, descriptions)) = parts(proof) else { return };
    for provider in providers().into_keys() {
        let Some(path) = descriptions.cut(&provider) else { continue };
        let said = match compile_check(&parts, &path) {
            Ok(said) => said,
            Err(why) => return unproven(proof, &why),
        };
        say(said.trim_end());
        assert!(said.trim_end().ends_with(" refused 0"), "{said}");
    }
}

#[test]
fn every_request_of_every_manifest_is_accepted_and_its_mutants_are_not() {
    let proof = "that the providers' descriptions allow what prov sends";
    let Some((parts, mut descriptions)) = parts(proof) else { return };
    let mut failures = Vec::new();
    for (provider, manifests) in providers() {
        let Some(path) = descriptions.cut(&provider) else {
            unproven(
                proof,
                &format!(
                    "there is no description of {provider}; `.ci/descriptions.sh` fetches some"
                ),
            );
            continue;
        };
        let prism = match Prism::start(&parts, &path) {
            Ok(prism) => prism,
            Err(why) => return unproven(proof, &why),
        };
        let forms = match provider.as_str() {
            "stripe" => match Forms::start(&parts, &prism) {
                Ok(forms) => Some(forms),
                Err(why) => {
                    unproven("that every field of Stripe's forms is known to it", &why);
                    None
                }
            },
            _ => None,
        };
        let mut court = Court { parts: &parts, provider: &provider, prism, forms, full: None };
        for (id, row) in court.hear(&manifests, &mut descriptions) {
            row.print(&id);
            failures.extend(row.failures(&id));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Where the requests to one provider are judged.
struct Court<'a> {
    parts: &'a Counterparts,
    provider: &'a str,
    prism: Prism,
    /// Judges fields of forms, which Prism hardly does.
    forms: Option<Forms>,
    /// The whole description, started when the cut knows an operation not.
    full: Option<Prism>,
}

impl Court<'_> {
    fn hear(
        &mut self,
        manifests: &[Manifest],
        descriptions: &mut Descriptions,
    ) -> Vec<(String, Row)> {
        let project = project();
        let settings = Settings { root: project.path().to_owned(), allow_outside: false };
        let judge = self.forms.as_ref().map_or(self.prism.address(), Forms::address);
        let between = Between::new(judge);
        let Some(first) = manifests.first() else { return Vec::new() };
        let provider = Arc::clone(&first.provider);
        let around = surroundings(&provider, &between, &settings);
        let mut rows = Vec::new();
        for manifest in manifests {
            let broker = RestBroker::new(provider.clone(), manifests.to_vec(), around.clone());
            let mut drive = Drive::new(&broker, manifest, &between, &settings);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(drive.live());
            let mut row = Row { complaints: drive.complaints, ..Row::default() };
            let passed = between.take();
            for passed in &passed {
                self.judge(manifest, passed, &mut row, descriptions);
            }
            row.unsent = unsent(manifest, &passed);
            rows.push((manifest.service.id.clone(), row));
        }
        rows
    }

    fn judge(
        &mut self,
        manifest: &Manifest,
        passed: &Passed,
        row: &mut Row,
        descriptions: &mut Descriptions,
    ) {
        let label = label(manifest, passed);
        let (seat, request, verdict) = self.ask(passed, descriptions);
        let accepted = if seat == Seat::Cut { &mut row.accepted } else { &mut row.elsewhere };
        let refusal = match verdict {
            Verdict::Accepted => {
                let is_new = accepted.insert(label);
                let is_act = matches!(request.method(), "POST" | "PUT" | "PATCH");
                // Nobody proved that Prism compiles every schema of the whole description.
                let is_doubted = seat == Seat::Full && is_new;
                if is_act && (passed.verb == "create" || is_doubted) {
                    row.mutations.add(self.mutate(seat, &request, descriptions));
                }
                return;
            }
            Verdict::Unknown => "no such path and method".to_owned(),
            Verdict::Refused(why) => why,
        };
        match reason(manifest, &passed.verb, &refusal) {
            Some(reason) => drop(row.excepted.insert(label, reason)),
            None => drop(row.refused.insert(label, format!("{refusal}\n{}", shown(passed)))),
        }
    }

    /// Who knows the operation, the request as it was judged there, and what was said to it.
    fn ask(&mut self, passed: &Passed, descriptions: &Descriptions) -> (Seat, Message, Verdict) {
        let request = passed.request.clone();
        let said = verdict(&passed.answer);
        // A word of a path that the cut leaves out looks like somebody's id.
        let is_elsewhere = match &said {
            Verdict::Refused(why) => why.contains("request.path."),
            verdict => *verdict == Verdict::Unknown,
        };
        if !is_elsewhere {
            return (Seat::Cut, request, said);
        }
        for (path, twin) in TWINS {
            if request.path().starts_with(path) {
                let twin = Message { start: request.start.replace(path, twin), ..request };
                let said = self.prism.judge(&twin);
                return (Seat::Twin, twin, said);
            }
        }
        if self.full.is_none()
            && let Some(path) = descriptions.full(self.provider)
        {
            let started = Prism::start(self.parts, &path);
            self.full = started.map_err(|why| say(&format!("{}: {why}", path.display()))).ok();
        }
        match &self.full {
            Some(prism) => (Seat::Full, request.clone(), prism.judge(&request)),
            None => (Seat::Cut, request, said),
        }
    }

    fn mutate(&self, seat: Seat, request: &Message, descriptions: &mut Descriptions) -> Mutations {
        let (prism, path) = match (seat, &self.full) {
            (Seat::Full, Some(full)) => (full, descriptions.full(self.provider)),
            _ => (&self.prism, descriptions.cut(self.provider)),
        };
        let Some(path) = path else { return Mutations::default() };
        let is_closed = seat != Seat::Full;
        let judge = |mutant: &Message| match (self.forms.as_ref(), is_form(request)) {
            (Some(forms), true) => forms.judge(mutant),
            _ => prism.judge(mutant),
        };
        mutate::mutate((descriptions.read(&path), is_closed), request, judge)
    }
}

fn is_form(request: &Message) -> bool {
    request.header("content-type").is_some_and(|kind| kind.contains("form-urlencoded"))
}

/// Which description judges.
#[derive(Clone, Copy, PartialEq)]
enum Seat {
    Cut,
    Full,
    Twin,
}

/// A project with the files that examples point at.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap();
    for (path, text) in [
        ("site/index.html", "<!doctype html><title>Shop</title>"),
        ("site/about/us.html", "<!doctype html><title>Us</title>"),
        ("migrations/0001_init.sql", "create table things (id integer primary key);"),
    ] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn shown(passed: &Passed) -> String {
    format!("      {}\n      {}", passed.request.start, passed.request.text())
}

/// Verb, method and path of the manifest's request that was sent.
fn label(manifest: &Manifest, passed: &Passed) -> String {
    let verbs = &manifest.service.verbs;
    let verb = if passed.verb == "wait" { "configure" } else { &passed.verb };
    let own = verbs.get(verb).into_iter().chain(verbs.values());
    let mut requests = own.flat_map(|verb| verb.requests());
    let path = match requests.find(|request| is_sent(request, &passed.request)) {
        Some(request) => path(&request.path),
        None => passed.request.path().to_owned(),
    };
    format!("{} {} {path}", passed.verb, passed.request.method())
}

/// A path of a manifest, with `*` for what an expression stands for.
pub fn path(template: &manifest::Template) -> String {
    let part = |part: &manifest::Part| match part {
        manifest::Part::Text(text) => text.clone(),
        manifest::Part::Expression { .. } => "*".to_owned(),
    };
    template.parts().iter().map(part).collect()
}

fn unsent(manifest: &Manifest, passed: &[Passed]) -> Vec<String> {
    let mut unsent = Vec::new();
    for (name, verb) in &manifest.service.verbs {
        for request in verb.requests() {
            if !passed.iter().any(|passed| is_sent(request, &passed.request)) {
                unsent.push(format!("{name} {} {}", request.method, path(&request.path)));
            }
        }
    }
    unsent
}

/// Why the description is wrong there, as `lint.toml` has it; of any verb where none is told.
pub fn reason(manifest: &Manifest, verb: &str, refusal: &str) -> Option<String> {
    let id = manifest.service.id.as_str();
    let is_meant =
        |(service, word, _): &&(&str, &str, &str)| *service == id && refusal.contains(word);
    if let Some((_, _, reason)) = BESIDES.iter().find(is_meant) {
        return Some((*reason).to_owned());
    }
    let text = catalog::built_in_exceptions(&manifest.provider.id)?;
    let exceptions: toml::Table = text.parse().unwrap();
    let thing = manifest.file.thing.as_str();
    let verbs = match verb {
        "wait" => vec!["wait", "read", "configure"],
        "create" => vec!["create", "find"],
        "find" => vec!["find", "read"],
        "update" => vec!["update", "configure", "read", "recover"],
        other => vec![other],
    };
    let fits = |allow: &&toml::Value| {
        let text = |key: &str| allow.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        let mut at = text("at").split('.');
        let is_verb = at.next().is_some_and(|told| verb.is_empty() || verbs.contains(&told));
        let is_about = match text("rule") {
            "unknown-operation" => refusal.contains("no such path"),
            "unknown-response" => false,
            _ => at.next_back().is_some_and(|field| refusal.contains(field)),
        };
        text("service") == thing && is_verb && is_about
    };
    let allowed = exceptions.get("allow")?.as_array()?.iter().find(fits)?;
    allowed.get("reason")?.as_str().map(str::to_owned)
}

impl Row {
    fn print(&self, id: &str) {
        let (tried, refused) = (self.mutations.tried, self.mutations.refused);
        say(&format!(
            "{id:28} accepted {:2}, elsewhere {:2}, excepted {:2}, refused {:2}; \
             mutants refused {refused} of {tried}",
            self.accepted.len(),
            self.elsewhere.len(),
            self.excepted.len(),
            self.refused.len(),
        ));
        for (what, reason) in &self.excepted {
            say(&format!("    excepted: {what}: {reason}"));
        }
        for (what, why) in &self.refused {
            say(&format!("    REFUSED: {what}: {why}"));
        }
        for what in &self.unsent {
            say(&format!("    not sent: {what}"));
        }
        for what in self.complaints.iter().chain(&self.mutations.survivors) {
            say(&format!("    {what}"));
        }
        for (_, what, reason) in SURVIVORS.iter().filter(|(service, ..)| *service == id) {
            say(&format!("    excepted: {what}: {reason}"));
        }
    }

    fn failures(&self, id: &str) -> Vec<String> {
        let refused = self.refused.iter().map(|(what, why)| format!("{id}: {what}: {why}"));
        let is_excused = |survivor: &&String| {
            !SURVIVORS.iter().any(|(service, what, _)| *service == id && survivor.ends_with(what))
        };
        let survivors = self.mutations.survivors.iter().filter(is_excused);
        let others = self.complaints.iter().chain(survivors);
        refused.chain(others.map(|what| format!("{id}: {what}"))).collect()
    }
}
