//! What a create may have left behind is looked for by the next run, and what it cannot have made is
//! not taken for ours: the rows of the Open Service Broker API, held before plain REST.

#[path = "../../../provision/tests/support/orphan_rows.rs"]
mod orphan_rows;

use std::sync::Arc;

use prov_fake::fake::{Fault, FaultKind};
use prov_fake::front::Direct;
use prov_fake::laws::life::lost;
use prov_fake::stage::Stage;
use provision::broker::orphan::{Asked, Body, Reply};

use orphan_rows::ROWS;

/// Services of one name only that are made with one POST; the last ones bear our mark.
const SERVICES: [&str; 4] =
    ["digitalocean-domain", "cloudflare-kv", "hetzner-ssh-key", "digitalocean-volume"];

fn fault(reply: Reply) -> FaultKind {
    match reply {
        Reply::Answer { status, body: Body::Sound } => FaultKind::Text(status, "{}"),
        Reply::Answer { status, .. } => FaultKind::Text(status, "{\"id\": \"12"),
        Reply::Timeout => FaultKind::Silence,
    }
}

/// Whether the run after a create that was answered so takes what it finds for its own.
async fn looks_for_it(stage: &Stage, reply: Reply) -> Result<bool, String> {
    let scene = stage.next_scene();
    let label = stage.creation.clone().ok_or("nothing makes an object")?;
    scene.fake().faults.push(Fault { label, kind: fault(reply), left: u32::MAX });
    if scene.apply(stage.example()).await.is_ok() {
        return Err("the first run ended well".to_owned());
    }
    scene.fake().faults.clear();
    scene.fake().seed(stage.example());
    match scene.apply(stage.example()).await {
        Ok(_) => lost(&scene).await.first().map_or(Ok(true), |lost| Err(lost.clone())),
        Err(error) if error.contains("prov import") => Ok(false),
        Err(error) => Err(error),
    }
}

#[tokio::test]
async fn the_next_run_looks_for_what_may_be_left_behind() {
    let root = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let mut cases = 0;
    for manifest in super::manifests() {
        let id = manifest.service.id.clone();
        if !SERVICES.contains(&id.as_str()) {
            continue;
        }
        let stage = Stage::new(manifest, root.path(), Arc::new(Direct)).await;
        for (number, asked, replies, left) in ROWS {
            for reply in replies.iter().filter(|_| asked.contains(&Asked::Provision)) {
                let is_known_well = matches!(
                    reply,
                    Reply::Answer { status: 200..=202, body: Body::Sound }
                        | Reply::Answer { body: Body::Failed, .. }
                );
                if is_known_well {
                    continue;
                }
                // A broker's 200 says that the instance was there before. A plain API has made it.
                let is_made = matches!(reply, Reply::Answer { status: 200, .. });
                let expected = left.is_some() || is_made;
                cases += 1;
                match looks_for_it(&stage, *reply).await {
                    Ok(looked) if looked == expected => {}
                    other => seen.push(format!("{id}: row {number}: {reply:?}: {other:?}")),
                }
            }
        }
    }
    println!("{cases} answers to {} services", SERVICES.len());
    assert!(seen.is_empty(), "{} of {cases}:\n{}", seen.len(), seen.join("\n"));
}
