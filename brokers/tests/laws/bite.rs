//! That the laws bite: manifests with one mistake each, and the law that has to see it.

use std::sync::Arc;

use brokers::manifest::{Manifest, load};
use provision::diagnostic::{Diagnostics, Sources};

use prov_fake::front::Direct;
use prov_fake::laws::law;
use prov_fake::stage::{Fall, Stage};

/// A service, what is written in its manifest, what is written there instead, and the law it breaks.
const MISTAKES: &[(&str, &str, &str, u8)] = &[
    // A look is sent as what may change something.
    ("cloudflare-zone", r#""GET /zones/{{ id }}""#, r#""POST /zones/{{ id }}""#, 1),
    // Our mark is not sent, so that the object is not found again.
    ("cloudflare-dns-record", "comment  = \"{{ marker }}\"\n", "", 3),
    // A request that makes something says that it may be sent twice.
    ("neon-project", "\"POST /projects\"\n", "\"POST /projects\"\nsafe = true\n", 3),
    // What is gone is not known to be.
    ("cloudflare-kv", "{{ status in [404, 410] and", "{{ status in [410] and", 4),
    // A param is read from where it is not.
    ("cloudflare-queue", ".delivery_delay }}\"", ".delay }}\"", 5),
    // Two params are read from one place.
    ("vercel-project", "{{ object.devCommand }}", "{{ object.buildCommand }}", 5),
    // What is looked for is not what is there.
    ("hetzner-server", "{{ object.name == name }}", "{{ object.name == 'x' ~ name }}", 8),
    ("hetzner-server", "{{ object.name == name }}", "{{ object.name == 'x' ~ name }}", 9),
    ("cloudflare-d1", "{{ object.name == name }}", "{{ false }}", 12),
    // What bears somebody else's mark is taken for ours.
    ("hetzner-server", ".prov | default('') == marker", ".prov | default('') != 'x'", 13),
    // What it is found by is what it is called now.
    (
        "digitalocean-droplet",
        "tags       = \"{{ (params.tags | default([])) + [marker] }}\"\n",
        "",
        14,
    ),
    // An id shows a secret param. An output that does is sealed, whatever its manifest says.
    ("vercel-env", "env     = \"{{ object.id }}\"", "env     = \"{{ object.value }}\"", 10),
    // An update sends less than what changes in place.
    ("neon-database", "owner_name = \"{{ params.owner }}\" } }\nsafe", "no = true } }\nsafe", 11),
];

fn with_mistake(service: &str, right: &str, wrong: &str) -> Manifest {
    let mut files = brokers::catalog::built_in();
    let mut is_made = false;
    for file in &mut files {
        let thing = service.strip_prefix(&format!("{}-", file.provider));
        let is_its = thing.is_some_and(|thing| [thing, "provider"].contains(&&*file.thing));
        if is_its && file.text.contains(right) {
            file.text = file.text.replace(right, wrong).into();
            is_made = true;
        }
    }
    assert!(is_made, "{service} has no {right}");
    let mut problems = Diagnostics::default();
    let manifests = load(files, &mut Sources::default(), &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    manifests.into_iter().find(|manifest| manifest.service.id == service).unwrap()
}

#[tokio::test]
async fn a_mistake_breaks_a_law() {
    let root = tempfile::tempdir().unwrap();
    let mut missed = Vec::new();
    for (at, (service, right, wrong, number)) in MISTAKES.iter().enumerate() {
        let manifest = with_mistake(service, right, wrong);
        let root = root.path().join(at.to_string());
        let stage = Stage::new(manifest, &root, Arc::new(Direct)).await;
        if !matches!(law(*number, &stage).await, Err(Fall::Broken(_))) {
            missed.push(format!("law {number} holds for {service} with {wrong:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
