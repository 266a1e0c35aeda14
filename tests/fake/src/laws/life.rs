//! The laws of a life without faults.

use provision::broker::{Finding, Service};
use provision::plan::Action;
use provision::value::Resolved;

use crate::fake::{Fault, FaultKind};
use crate::scene::{Scene, Values, story, told};
use crate::stage::{During as _, Fall, Stage, Verdict, broken, verdict, without};

/// What the engine knows of the service.
pub fn service(scene: &Scene) -> Service {
    let id = scene.model.manifest.service.id.clone();
    scene.world.catalog.service(&id).unwrap().clone()
}

/// Looking changes nothing: plans, preflight, refresh, lists.
pub async fn looking_changes_nothing(stage: &Stage) -> Verdict {
    let scene = stage.scene_with(Values::Asked).await;
    let found = scene.preflight(stage.example()).await.during("preflight")?;
    let mut seen: Vec<String> = found.iter().map(told).collect();
    let id = stage.model.manifest.service.id.clone();
    let listed = provision::broker::Broker::list(
        scene.broker.as_ref(),
        &id,
        &[Resolved(stage.example().params.clone())],
    )
    .await;
    seen.extend(listed.err().map(|error| format!("list: {}", told(&error))));
    seen.extend(acts(&scene, 0));
    scene.apply(stage.example()).await.during("apply")?;
    let start = scene.log_length();
    scene.pull().await;
    scene.plan(stage.example(), Default::default()).await.during("plan")?;
    scene.refreshed(stage.example()).await.during("refresh")?;
    seen.extend(acts(&scene, start));
    verdict(seen)
}

/// The requests from a place of the log on that may change something.
fn acts(scene: &Scene, start: usize) -> Vec<String> {
    let acts = scene.since(start).into_iter().filter(|entry| !entry.is_look);
    acts.map(|entry| format!("it sent {} {}", entry.line, entry.body)).collect()
}

/// Applied twice, there is one object and nothing left to do.
pub async fn twice_is_once(stage: &Stage) -> Verdict {
    let scene = stage.scene().await;
    scene.apply(stage.example()).await.during("apply")?;
    let mut seen: Vec<String> = scene.fake().notes.iter().cloned().collect();
    let start = scene.log_length();
    let plan = scene.apply(stage.example()).await.during("apply again")?;
    if !plan.is_clean() {
        seen.push(format!("the second plan is not empty: {}", story(&plan)));
    }
    seen.extend(acts(&scene, start));
    seen.extend(lost(&scene).await);
    verdict(seen)
}

/// What is not as it is to be: one object, which the journal names.
pub async fn lost(scene: &Scene) -> Vec<String> {
    let id = scene.entry().await.map(|entry| entry.instance_id);
    let fake = scene.fake();
    let ids: Vec<String> = fake.objects.iter().map(|object| fake.id(object)).collect();
    if ids.len() == 1 && ids.first() == id.as_ref() {
        return Vec::new();
    }
    vec![format!("the journal holds {id:?}, the provider {ids:?}")]
}

/// The answer to a create is lost: in the end there is one object, and the journal names it.
pub async fn a_lost_answer_loses_nothing(stage: &Stage) -> Verdict {
    let scene = stage.scene().await;
    let Some(label) = stage.creation.clone() else { return broken("nothing made an object") };
    scene.fake().faults.push(Fault { label, kind: FaultKind::Lost, left: 1 });
    after_a_lost_answer(stage, &scene).await
}

/// Applies until it works; then there is one object, or, where it cannot be found again, an error
/// that stops.
pub async fn after_a_lost_answer(stage: &Stage, scene: &Scene) -> Verdict {
    let applied = scene.apply_up_to(stage.example(), 3).await;
    let is_never = service(scene).finding == Finding::Never;
    match applied {
        Err(_) if is_never => {
            let count = scene.fake().objects.len();
            match count {
                0 | 1 => without("it cannot be found again: it stops and asks a person"),
                _ => broken(format!("there are {count} objects")),
            }
        }
        Err(error) => broken(error),
        Ok(()) => {
            let mut seen = lost(scene).await;
            let (plan, _) = scene.plan(stage.example(), Default::default()).await.during("plan")?;
            if !plan.is_clean() {
                seen.push(format!("the plan is not empty: {}", story(&plan)));
            }
            verdict(seen)
        }
    }
}

/// To delete what is gone is success, and a teardown leaves nothing.
pub async fn deleting_ends_with_nothing(stage: &Stage) -> Verdict {
    let scene = stage.scene().await;
    scene.apply(stage.example()).await.during("apply")?;
    scene.fake().objects.clear();
    scene.teardown().await.during("teardown of what is gone")?;
    let mut seen = remains(&scene).await;
    let scene = stage.scene().await;
    scene.apply(stage.example()).await.during("apply")?;
    let start = scene.log_length();
    scene.teardown().await.during("teardown")?;
    if acts(&scene, start).is_empty() {
        return without("its delete sends nothing for the example's params");
    }
    seen.extend(remains(&scene).await);
    verdict(seen)
}

async fn remains(scene: &Scene) -> Vec<String> {
    let mut seen = Vec::new();
    if let Some(entry) = scene.entry().await {
        seen.push(format!("the journal still holds {}", entry.instance_id));
    }
    let count = scene.fake().objects.len();
    if count > 0 {
        seen.push(format!("the provider still holds {count}"));
    }
    seen
}

/// What is somebody else's stops a create, which says how to take it over.
pub async fn nothing_foreign_is_taken_over(stage: &Stage) -> Verdict {
    use brokers::manifest::FoundBy;
    match stage.model.manifest.service.found_by {
        None => return without("it cannot be found"),
        Some(FoundBy::Marker) => {
            return without("it is told by our mark, which nothing foreign has");
        }
        Some(_) => {}
    }
    let mut foreign = stage.example().clone();
    foreign.reference = "theirs".to_owned();
    let mut seen = Vec::new();
    let scene = stage.scene().await;
    scene.fake().seed(&foreign);
    let found = scene.preflight(stage.example()).await.during("preflight")?;
    if !found.iter().map(told).any(|text| text.contains("prov import")) {
        let found: Vec<String> = found.iter().map(told).collect();
        seen.push(format!("preflight does not name `prov import`: {found:?}"));
    }
    let scene = stage.scene().await;
    scene.fake().seed(&foreign);
    let start = scene.log_length();
    match scene.apply(stage.example()).await {
        Ok(plan) if plan.count(Action::Create) > 0 => seen.push("it was taken over".to_owned()),
        Ok(_) => seen.push("there was nothing to do".to_owned()),
        Err(error) if error.contains("prov import") => {}
        Err(error) => seen.push(format!("the error does not name `prov import`: {error}")),
    }
    seen.extend(acts(&scene, start));
    verdict(seen)
}

/// How a verdict reads.
pub fn mark(verdict: &Verdict) -> &'static str {
    match verdict {
        Ok(()) => "✓",
        Err(Fall::Without(_)) => "–",
        Err(Fall::Broken(_)) => "✗",
    }
}
