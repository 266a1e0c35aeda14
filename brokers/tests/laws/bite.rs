//! That the laws bite: manifests with one mistake each, and the law that has to see it.

use brokers::manifest::{Manifest, load};
use provision::diagnostic::{Diagnostics, Sources};

use super::law;
use super::stage::{Fall, Stage};

/// A service, what is written in its manifest, what is written there instead, and the law it breaks.
const MISTAKES: &[(&str, &str, &str, u8)] = &[
    // Its update needs what only a POST may change.
    ("cloudflare-zone", "request = \"GET /zones/{{ id }}\"", "request = \"POST /zones/{{ id }}\"", 2),
    // It is sent without our mark, so that it is not found again.
    ("cloudflare-dns-record", "comment  = \"{{ marker }}\"\n", "", 3),
    // It cannot be found at all by what it is looked for.
    ("digitalocean-droplet", "marker in object.tags }}\"\n\n[list]", "'no' in object.tags }}\"\n\n[list]", 3),
    // What is gone is no success.
    ("cloudflare-kv", "request = \"DELETE /", "fail = \"gone\"\nrequest = \"DELETE /", 4),
    // A param is read from where it is not.
    ("cloudflare-queue", "{{ object.settings.delivery_delay }}", "{{ object.settings.delay }}", 5),
    // Two params are read from one place.
    ("vercel-project", "{{ object.devCommand }}", "{{ object.buildCommand }}", 5),
    // A request that makes something says that it may be sent twice.
    ("neon-project", "request = \"POST /projects\"\n", "request = \"POST /projects\"\nsafe = true\n", 3),
    // A list ends after its first page.
    ("hetzner-server", "items   = \"{{ response.servers }}\"\n", "items   = \"{{ response.servers }}\"\npaging = \"none\"\n", 9),
    // A secret output is not said to be one.
    ("stripe-webhook-endpoint", "sensitive = true\nonce", "once", 10),
    // An update does not send a param.
    ("digitalocean-record", "ttl      = \"{{ params.ttl }}\"\npriority = \"{{ params.priority }}\"\nport     = \"{{ params.port }}\"\nweight   = \"{{ params.weight }}\"\nflags    = \"{{ params.flags }}\"\ntag      = \"{{ params.tag }}\"\n\n[delete]", "[delete]", 11),
    // Nothing stops at what is somebody else's.
    ("cloudflare-r2", "[find]\nby      = \"name\"\nrequest = \"GET /accounts/{{ provider.account_id }}/r2/buckets/{{ name }}\"", "[find]\nby      = \"name\"\nrequest = \"GET /accounts/{{ provider.account_id }}/r2/buckets/x{{ name }}\"", 12),
];

fn with_mistake(service: &str, right: &str, wrong: &str) -> Manifest {
    let mut files = brokers::catalog::built_in();
    for file in &mut files {
        if format!("{}-{}", file.provider, file.thing) == service {
            let text = file.text.replace(right, wrong);
            assert!(text != *file.text, "{service} has no {right}");
            file.text = text.into();
        }
    }
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
        let stage = Stage::new(manifest, &root.path().join(at.to_string())).await;
        if !matches!(law(*number, &stage).await, Err(Fall::Broken(_))) {
            missed.push(format!("law {number} holds for {service} with {wrong:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
