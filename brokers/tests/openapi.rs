//! Every manifest of the catalogue against its provider's own description of its API.
//!
//! The descriptions are not part of the project. `PROV_SPECS` names the folder they are in; without
//! it that is `../shared/specs` beside the project. What is not there may be where `.ci/descriptions.sh`
//! puts what it fetches. What is absent is skipped, and said.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use brokers::catalog;
use brokers::manifest::{self, File, Manifest};
use brokers::openapi::{Description, Exceptions, Report, Wanted, draft, lint};
use provision::diagnostic::{Diagnostics, Sources};

fn folder() -> PathBuf {
    let standard = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs");
    env::var_os("PROV_SPECS").map_or(standard, PathBuf::from)
}

/// Where `.ci/descriptions.sh` puts what it fetches.
fn fetched() -> Option<PathBuf> {
    let of = |name: &str| env::var_os(name).map(PathBuf::from);
    let home = of("COUNTERPARTS_HOME").or_else(|| {
        let cache = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")))?;
        Some(cache.join("prov-counterparts"))
    });
    Some(home?.join("specs"))
}

/// The description in `folder/provider.json` or `.yaml`.
fn description(folder: &Path, provider: &str) -> Option<Description> {
    let read = |kind: &str| fs::read_to_string(folder.join(format!("{provider}.{kind}"))).ok();
    let text = read("json").or_else(|| read("yaml"))?;
    Some(Description::read(&text).unwrap())
}

/// The provider's description at hand.
fn at_hand(provider: &str) -> Option<Description> {
    description(&folder(), provider).or_else(|| description(&fetched()?, provider))
}

fn catalogue(sources: &mut Sources) -> BTreeMap<String, Vec<Manifest>> {
    let mut problems = Diagnostics::default();
    let mut providers: BTreeMap<String, Vec<Manifest>> = BTreeMap::new();
    for manifest in manifest::load(catalog::built_in(), sources, &mut problems) {
        providers.entry(manifest.provider.id.clone()).or_default().push(manifest);
    }
    assert!(problems.is_empty(), "{problems:#?}");
    providers
}

/// Says what was not proven, also where the harness keeps what tests print to itself.
fn unproven(provider: &str) {
    let proof = format!("that the manifests of {provider} agree with its description");
    let why = "there is none; `.ci/descriptions.sh` fetches some";
    let _ = writeln!(std::io::stderr(), "NOT PROVEN: {proof}: {why}");
}

fn lint_provider(
    provider: &str,
    manifests: &[Manifest],
    description: &Description,
    sources: &mut Sources,
) -> Report {
    let mut problems = Diagnostics::default();
    let text = catalog::built_in_exceptions(provider).unwrap_or_default();
    let path = format!("brokers/{provider}/lint.toml");
    let exceptions = Exceptions::read(&path, text, sources, &mut problems);
    assert!(problems.is_empty(), "{problems:#?}");
    lint(manifests, description, &exceptions)
}

#[test]
fn every_manifest_agrees_with_the_description_of_its_provider() {
    let mut sources = Sources::default();
    let mut wrong = Vec::new();
    for (provider, manifests) in catalogue(&mut sources) {
        let Some(mut description) = at_hand(&provider) else {
            unproven(&provider);
            continue;
        };
        let start = Instant::now();
        let mut report = lint_provider(&provider, &manifests, &description, &mut sources);
        // The description is cut down to what most need; the whole one is large.
        if report.findings.iter().any(|finding| finding.rule == "unknown-operation")
            && let Some(whole) = self::description(&folder().join("full"), &provider)
        {
            description = description.or(whole);
            report = lint_provider(&provider, &manifests, &description, &mut sources);
        }
        eprintln!(
            "{provider}: {} services, {} requests, {} paths ({} into what is not described, \
             {} into anything), {} exceptions used, {} findings, {} ms",
            report.services,
            report.requests,
            report.paths,
            report.skipped,
            report.open,
            report.excepted,
            report.findings.len(),
            start.elapsed().as_millis(),
        );
        for finding in report.findings {
            let place = finding.span.and_then(|span| sources.position(span));
            let place = place.map(|(name, line, _)| format!("{name}:{line}")).unwrap_or_default();
            let (service, rule, at) = (&finding.service, finding.rule, &finding.at);
            wrong.push(format!(
                "{place}: {provider}/{service} {rule} at {at}\n    {}",
                finding.message
            ));
        }
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

/// The descriptions at hand, by provider.
fn descriptions() -> BTreeMap<String, Description> {
    let files = fs::read_dir(folder()).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let providers = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    providers
        .filter_map(|provider| Some((provider.clone(), description(&folder(), &provider)?)))
        .collect()
}

#[test]
fn every_collection_can_be_drafted() {
    let descriptions = descriptions();
    if descriptions.is_empty() {
        eprintln!("SKIPPED: there are no descriptions in {}", folder().display());
    }
    let mut wrong = Vec::new();
    for (provider, description) in &descriptions {
        let (mut drafted, mut refused) = (Vec::new(), Vec::new());
        for path in description.collections() {
            match draft(description, &Wanted::new(provider, path)) {
                Ok(draft) if draft.problems.is_empty() => drafted.push(path),
                Ok(draft) => {
                    wrong.push(format!("{provider} {path}\n    {}", draft.problems.join("\n    ")));
                }
                Err(error) => refused.push(format!("    {path}: {error}")),
            }
        }
        eprintln!("{provider}: {} drafted: {}", drafted.len(), drafted.join(", "));
        eprintln!("{}", refused.join("\n"));
    }
    assert!(wrong.is_empty(), "{} drafts:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where there are findings when the manifest has another text; nothing when that is none.
fn places(manifest: &Manifest, text: &str, description: &Description) -> Option<BTreeSet<String>> {
    let is_near = |file: &File| {
        let things = ["provider", manifest.file.thing.as_str()];
        file.provider == manifest.file.provider && things.contains(&file.thing.as_str())
    };
    let mut files: Vec<File> = catalog::built_in().into_iter().filter(is_near).collect();
    for file in files.iter_mut().filter(|file| file.thing == manifest.file.thing) {
        file.text = text.to_owned().into();
    }
    let mut problems = Diagnostics::default();
    let manifests = manifest::load(files, &mut Sources::default(), &mut problems);
    let report = lint(&manifests, description, &Exceptions::default());
    let places =
        report.findings.into_iter().map(|finding| format!("{} {}", finding.rule, finding.at));
    problems.is_empty().then(|| places.collect())
}

/// The ends of the names that are sent and of those that are read, outside of the example.
fn names_in(text: &str) -> Vec<usize> {
    let pattern = r"\b(?:response|object)\.[a-z_]+|(?m)^[a-z_]+ +=";
    let names = regex_lite::Regex::new(pattern).unwrap();
    let end = text.find("\n[example").unwrap_or(text.len());
    let ends = names
        .find_iter(&text[..end])
        .map(|found| found.start() + found.as_str().trim_end_matches(['=', ' ']).len());
    ends.collect()
}

/// That nothing is found in the catalogue says something only if what is wrong would be found.
#[test]
fn a_misspelt_name_is_found() {
    if !folder().is_dir() {
        eprintln!("SKIPPED: there are no descriptions in {}", folder().display());
        return;
    }
    let (mut caught, mut missed) = (0, Vec::new());
    for (provider, manifests) in catalogue(&mut Sources::default()) {
        let Some(description) = at_hand(&provider) else { continue };
        for manifest in &manifests {
            let text = manifest.file.text.as_ref();
            let before = places(manifest, text, &description).unwrap();
            if before.iter().any(|place| place.starts_with("unknown-operation")) {
                continue;
            }
            for end in names_in(text) {
                let (head, tail) = text.split_at(end);
                // What is no manifest any more is another check's business.
                let Some(after) = places(manifest, &format!("{head}zq{tail}"), &description) else {
                    continue;
                };
                let line = head.lines().count();
                match after.is_subset(&before) {
                    true => missed.push(format!("{provider}/{}:{line}", manifest.file.thing)),
                    false => caught += 1,
                }
            }
        }
    }
    eprintln!("{caught} caught; not described: {}", missed.join(" "));
    assert!(missed.len() * 20 <= caught, "{caught} caught and {} missed", missed.len());
}
