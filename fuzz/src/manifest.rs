//! The files of a provider: `provider.toml`, and one file a service.

use std::borrow::Cow;
use std::sync::LazyLock;

use brokers::local::Settings;
use brokers::manifest::{self, File, Language, Manifest, Origin};
use provision::diagnostic::Sources;
use provision::text::{Format, parse};

use crate::{parts, places};

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| Language::new(Settings::default()));

/// Two files, told apart by a line `=== NAME`: each can be used, or is refused with reasons that
/// point into it.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parts = parts::of(text.as_bytes());
    let files = parts.iter().map(|(name, text)| File {
        provider: "acme".to_owned(),
        thing: if name.is_empty() { "provider" } else { name }.to_owned(),
        path: format!("brokers/acme/{name}.toml"),
        text: Cow::Owned(String::from_utf8_lossy(text).into_owned()),
        origin: Origin::Project,
    });
    check(files.collect());
}

fn check(files: Vec<File>) {
    let count = files.iter().map(|file| &file.thing).collect::<std::collections::BTreeSet<_>>();
    let count = count.len();
    let mut sources = Sources::default();
    let loaded = manifest::read(files, &mut sources);
    for broken in &loaded.broken {
        assert!(broken.problems.has_errors(), "{} is refused and nothing is wrong", broken.path);
        places::check(&broken.problems, &sources);
        let mut others = Sources::default();
        others.add("another", "text");
        places::check(&broken.shown(&mut others), &others);
    }
    let is_whole = loaded.broken.is_empty();
    assert!(!is_whole || loaded.manifests.len() + 1 == count, "a file that is neither");
    loaded.manifests.iter().for_each(check_used);
}

/// What can be used holds what it shows as an example, and can be shown itself.
fn check_used(manifest: &Manifest) {
    let service = &manifest.service;
    for verb in brokers::manifest::VERBS.iter().filter_map(|name| service.verb(name)) {
        for template in verb.templates() {
            for expression in template.expressions() {
                assert!(LANGUAGE.outline(expression).is_ok(), "{expression} was not looked at");
            }
        }
    }
    let mut sources = Sources::default();
    let source = sources.add(manifest.file.path.clone(), manifest.file.text.clone());
    let node = parse(&manifest.file.text, Format::Toml, source).expect("it was read before");
    if let Some(params) = node.get("example").and_then(|example| example.get("params")) {
        let problems = manifest::check_params(service, params);
        places::check(&problems, &sources);
        assert!(!problems.has_errors(), "{problems:?}");
    }
}
