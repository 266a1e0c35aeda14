//! The laws of creations of which nobody knows how they ended: the provider did the work and went away.

use provision::broker::Way;

use super::life::{lost, service};
use crate::fake::{Fault, FaultKind};
use crate::model::Wanted;
use crate::scene::{Scene, told};
use crate::stage::{Stage, Verdict, broken, verdict, without};

/// Applies; the request that makes the object ends in `kind`, and the run ends badly.
async fn interrupted(stage: &Stage, kind: FaultKind) -> Result<Scene, String> {
    let scene = stage.next_scene();
    let label = stage.creation.clone().ok_or("nothing made an object")?;
    scene.fake().faults.push(Fault { label, kind, left: u32::MAX });
    if scene.apply(stage.example()).await.is_ok() {
        return Err("the run ended well".to_owned());
    }
    scene.fake().faults.clear();
    scene.fake().is_down = false;
    Ok(scene)
}

/// The create never arrived, and somebody else has made something like it since: that is not ours.
pub async fn a_stranger_is_not_taken_for_ours(stage: &Stage) -> Verdict {
    let scene = stage.next_scene();
    if !service(&scene).finding.ways().contains(&Way::Marker) {
        return without("nothing on it says whose it is");
    }
    let scene = match interrupted(stage, FaultKind::Silence).await {
        Ok(scene) => scene,
        Err(error) => return broken(error),
    };
    let theirs = Wanted { reference: "theirs".to_owned(), ..stage.example().clone() };
    let foreign = {
        let mut fake = scene.fake();
        let at = fake.seed(&theirs);
        fake.id(&fake.objects[at])
    };
    let ended = scene.apply(stage.example()).await;
    let held = scene.entry().await.map(|entry| entry.instance_id);
    if held.as_ref() == Some(&foreign) {
        return broken(format!("it was taken over: {:?}", ended.err()));
    }
    match ended {
        Err(error) if !error.contains("prov import") => {
            broken(format!("the error does not name `prov import`: {error}"))
        }
        _ => Ok(()),
    }
}

/// The object was made, nobody was told, and something else is declared since: it is found and changed.
pub async fn what_was_begun_is_found(stage: &Stage) -> Verdict {
    let mut changes = stage.changes();
    changes.insert(0, ("nothing".to_owned(), stage.example().clone()));
    let mut seen = Vec::new();
    for (what, wanted) in changes {
        let scene = match interrupted(stage, FaultKind::Down).await {
            Ok(scene) => scene,
            Err(error) => return broken(error),
        };
        let finding = service(&scene).finding;
        if !finding.can_look() {
            return without("it cannot be looked for");
        }
        if let Err(error) = scene.apply_up_to(&wanted, 3).await {
            seen.push(format!("{what} changed: {error}"));
            continue;
        }
        seen.extend(lost(&scene).await.into_iter().map(|lost| format!("{what} changed: {lost}")));
        let found = scene.preflight(&wanted).await.unwrap_or_default();
        seen.extend(found.iter().map(told));
        if finding.repeatable_for().is_some() && what == "nothing" {
            seen.extend(unshown(stage, &scene).await);
        }
    }
    verdict(seen)
}

/// What is shown once and is not known, although the key yields it again.
async fn unshown(stage: &Stage, scene: &Scene) -> Vec<String> {
    let Some(entry) = scene.entry().await else { return Vec::new() };
    let once = stage.model.manifest.service.outputs.iter().filter(|rule| rule.once);
    let missing = once.filter(|rule| !entry.sensitive.contains_key(rule.key.as_str()));
    missing.map(|rule| format!("`{}` is not known", rule.key)).collect()
}
