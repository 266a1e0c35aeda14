//! Our own providers, which the laws are held against, driven by the vendors' own clients: what those
//! understand is spoken as the provider speaks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use brokers::local::Settings;
use brokers::manifest::Manifest;
use prov_fake::clock::Time;
use prov_fake::fake::Fake;
use prov_fake::model::Model;
use prov_fake::wire::Handler;
use serde_json::Value;

use crate::front::{Filled, values};
use crate::part::{Counterparts, node_22};
use crate::prism::providers;
use crate::{say, unproven};

/// A vendor's client: the services it lives the life of, and what runs it.
struct Client {
    name: &'static str,
    provider: &'static str,
    script: &'static str,
    services: &'static [&'static str],
}

const CLIENTS: [Client; 5] = [
    Client {
        name: "cloudflare@7.3.0",
        provider: "cloudflare",
        script: "cloudflare.mjs",
        services: &[
            "cloudflare-d1",
            "cloudflare-dns-record",
            "cloudflare-kv",
            "cloudflare-pages-project",
            "cloudflare-queue",
            "cloudflare-r2",
            "cloudflare-turnstile",
            "cloudflare-zone",
        ],
    },
    Client {
        name: "wrangler@4.86.0",
        provider: "cloudflare",
        script: "wrangler.mjs",
        services: &["cloudflare-d1", "cloudflare-kv", "cloudflare-queue", "cloudflare-r2"],
    },
    Client {
        name: "hcloud 2.27.0",
        provider: "hetzner",
        script: "hcloud.py",
        services: &["hetzner-firewall", "hetzner-server", "hetzner-ssh-key", "hetzner-volume"],
    },
    Client {
        name: "@neondatabase/api-client@2.7.3",
        provider: "neon",
        script: "neon.mjs",
        services: &["neon-branch", "neon-database", "neon-project", "neon-role"],
    },
    Client {
        name: "@netlify/api@15.1.2",
        provider: "netlify",
        script: "netlify.mjs",
        services: &["netlify-dns-zone", "netlify-env", "netlify-site"],
    },
];

/// The clients as they are installed.
struct Installed {
    node: PathBuf,
    python: PathBuf,
    packages: PathBuf,
}

impl Installed {
    fn find(parts: &Counterparts) -> Result<Self, String> {
        let place = |path: &str| {
            let whole = parts.home.join(path);
            let missing = || format!("{path} is not installed: `.ci/clients.sh` does it");
            whole.exists().then_some(whole).ok_or_else(missing)
        };
        Ok(Self {
            node: node_22(parts)?,
            python: place("py/clients/bin/python")?,
            packages: place("clients/package.json")?,
        })
    }

    fn run(&self, script: &str, url: &str, service: &str) -> Result<Value, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/counterparts/clients");
        let program = if script.ends_with(".py") { &self.python } else { &self.node };
        let mut command = Command::new(program);
        command.arg(folder.join(script)).args([url, service]).env("CLIENTS", &self.packages);
        let ended = command.output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&ended.stdout);
        let error = String::from_utf8_lossy(&ended.stderr);
        serde_json::from_str(said.trim()).map_err(|_| format!("{said}{error}"))
    }
}

/// A provider of a manifest with nothing in it.
fn provider_of(manifest: &Manifest, root: &Path) -> Arc<Handler> {
    let settings = Settings { root: root.to_owned(), allow_outside: false };
    let model = Arc::new(Model::new(manifest.clone(), settings, &values()));
    let fake = Mutex::new(Fake::new(model, Arc::new(Time::default())));
    Arc::new(move |request| fake.lock().unwrap().handle(&request))
}

#[test]
fn the_vendors_own_clients_understand_what_the_laws_are_held_against() {
    let proof = "that the fakes speak as the vendors' own clients expect";
    let found = Counterparts::find().and_then(|parts| {
        let installed = Installed::find(&parts)?;
        Ok((parts, installed))
    });
    let (parts, installed) = match found {
        Ok(found) => found,
        Err(why) => return unproven(proof, &why),
    };
    let root = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    for client in &CLIENTS {
        let filled = match Filled::start(&parts, client.provider) {
            Ok(filled) => filled,
            Err(why) => return unproven(proof, &why),
        };
        let manifests = providers().remove(client.provider).unwrap();
        for service in client.services {
            let manifest = manifests.iter().find(|m| m.service.id == *service).unwrap();
            filled.place(provider_of(manifest, root.path()));
            let seen = installed.run(client.script, &filled.url, service);
            let wrong = seen
                .as_ref()
                .map_or_else(|error| vec![error.clone()], |seen| wrong(manifest, seen));
            let verdict = if wrong.is_empty() { "understood" } else { "NOT understood" };
            say(&format!("{service:28} {verdict} by {}", client.name));
            failures.extend(wrong.iter().map(|wrong| format!("{service}: {wrong}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What a client saw otherwise than it made it.
fn wrong(manifest: &Manifest, seen: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let made = &seen["made"];
    if made.as_str().is_none_or(str::is_empty) {
        wrong.push("it was made without a name".to_owned());
    }
    let is_once = seen["listed"].as_array().is_some_and(|all| all.len() == 1 && all[0] == *made);
    let is_unique = manifest.service.name.unique;
    // Not every client can do everything.
    let is_unseen = |what: &str| seen[what].is_null();
    let checks = [
        (is_unseen("read") || seen["read"] == *made, "it is read under another name"),
        (is_once, "the list does not hold it, or more"),
        (!is_unique || seen["again"] != 200, "a second one of the same name is made"),
        (is_unseen("changed") || seen["changed"] == *made, "a change renames it"),
        (
            seen["left"] == if seen["again"] == 200 { 1 } else { 0 },
            "a list after its removal is wrong",
        ),
        (
            is_unseen("gone") || seen["gone"] == 404 || seen["gone"] == "not_found",
            "it is read after its removal",
        ),
    ];
    wrong.extend(
        checks.iter().filter(|(holds, _)| !holds).map(|(_, what)| format!("{what}: {seen}")),
    );
    wrong
}
