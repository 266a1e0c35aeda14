//! The laws of bad days: too many requests, a provider that fails, one that hides what it made; and of
//! long lists.

use std::time::Duration;

use provision::broker::{Address, Broker, FindRequest, Finding, KnownIds};
use provision::name::Name;
use provision::value::Resolved;

use super::life::{after_a_lost_answer, lost, service};
use crate::fake::{Fault, FaultKind};
use crate::model::{PROJECT, STAGE};
use crate::scene::{Scene, story, told};
use crate::stage::{During as _, Stage, Verdict, broken, verdict, without};

/// How long a provider asks to wait.
const PAUSE: u64 = 17;

/// Too many requests, of each kind: it is waited for as long as is asked, and then it works.
pub async fn rates_are_kept(stage: &Stage) -> Verdict {
    let mut seen = Vec::new();
    for (label, phase) in &stage.labels {
        let scene = stage.scene_of(label).await;
        let kind = FaultKind::Rate(PAUSE);
        scene.fake().faults.push(Fault { label: label.clone(), kind, left: 1 });
        if let Err(error) = stage.live(&scene, *phase, 1).await {
            seen.push(format!("429 to {label}: {error}"));
        }
        let log = scene.since(0);
        let Some(at) = log.iter().position(|entry| entry.is_fault) else {
            seen.push(format!("{label} was not sent again, so that nothing was seen of it"));
            continue;
        };
        let next = log.iter().skip(at + 1).find(|entry| entry.label == *label);
        match next.map(|next| next.at - log[at].at) {
            None => seen.push(format!("429 to {label}: it was not asked again")),
            Some(wait) if wait < Duration::from_secs(PAUSE) => {
                seen.push(format!("429 to {label}: asked again after {wait:?}"));
            }
            Some(_) => {}
        }
    }
    verdict(seen)
}

/// A provider that fails twice, at each kind of request, is outlived.
pub async fn failures_are_outlived(stage: &Stage) -> Verdict {
    let mut seen = Vec::new();
    for (label, phase) in &stage.labels {
        let scene = stage.scene_of(label).await;
        for status in [500, 503] {
            let kind = FaultKind::Status(status);
            scene.fake().faults.push(Fault { label: label.clone(), kind, left: 1 });
        }
        let ended = stage.live(&scene, *phase, 4).await;
        let is_creation = stage.creation.as_ref() == Some(label);
        let is_never = service(&scene).finding == Finding::Never;
        if let Err(error) = ended
            && !(is_creation && is_never)
        {
            seen.push(format!("500 and 503 to {label}: {error}"));
        }
        let count = scene.fake().objects.len();
        if count > 1 {
            seen.push(format!("500 and 503 to {label}: there are {count} objects"));
        }
    }
    verdict(seen)
}

/// What is hidden at first is waited for; and when the answer was lost too, there is one object.
pub async fn hidden_is_not_gone(stage: &Stage) -> Verdict {
    let scene = stage.scene().await;
    scene.fake().hides = true;
    scene.apply(stage.example()).await.during("apply of what is hidden")?;
    let mut seen = lost(&scene).await;
    let (plan, _) = scene.plan(stage.example(), Default::default()).await.during("plan")?;
    if !plan.is_clean() {
        seen.push(format!("the plan is not empty: {}", story(&plan)));
    }
    let scene = stage.scene().await;
    let Some(label) = stage.creation.clone() else { return broken("nothing made an object") };
    {
        let mut fake = scene.fake();
        fake.hides = true;
        fake.faults.push(Fault { label, kind: FaultKind::Lost, left: 1 });
    }
    let ended = after_a_lost_answer(stage, &scene).await;
    if seen.is_empty() { ended } else { verdict(seen) }
}

/// What is on the second page of a list is there.
pub async fn lists_are_read_to_the_end(stage: &Stage) -> Verdict {
    let scene = stage.scene().await;
    let (other, patches) = stage.another();
    {
        let mut fake = scene.fake();
        let at = fake.seed(&other);
        fake.objects[at].patches = patches;
        let own = stage.model.id(stage.example(), &stage.model.shown(stage.example()));
        if stage.model.id_leaf().is_none() && fake.id(&fake.objects[at]) == own {
            return without("there can be no other one beside it");
        }
    }
    scene.apply(stage.example()).await.during("apply beside another object")?;
    let Some(entry) = scene.entry().await else { return broken("the journal is empty") };
    let ids: Vec<String> = {
        let fake = scene.fake();
        fake.objects.iter().map(|object| fake.id(object)).collect()
    };
    let mut seen = Vec::new();
    let id = &stage.model.manifest.service.id;
    let beside = [Resolved(stage.example().params.clone())];
    let listed = Broker::list(scene.broker.as_ref(), id, &beside).await;
    let listed = listed.map_err(|error| told(&error)).during("list")?;
    if let Some(listed) = listed {
        let mut shown: Vec<String> = listed.into_iter().map(|live| live.instance_id).collect();
        let mut there = ids.clone();
        shown.sort();
        there.sort();
        if shown != there {
            seen.push(format!("the list shows {shown:?} of {there:?}"));
        }
    }
    if service(&scene).finding.can_look() {
        let found = find(stage, &scene).await.during("find")?;
        if found.as_ref() != Some(&entry.instance_id) {
            seen.push(format!("find finds {found:?} instead of {}", entry.instance_id));
        }
    }
    let fake = scene.fake();
    if seen.is_empty() && fake.pages.paged.is_empty() {
        let whole: Vec<String> = fake.pages.whole.iter().cloned().collect();
        return match whole.is_empty() {
            true => without("its lists have no pages"),
            false => broken(format!("the fake cannot page {}", whole.join(", "))),
        };
    }
    verdict(seen)
}

async fn find(stage: &Stage, scene: &Scene) -> Result<Option<String>, String> {
    let wanted = stage.example();
    let request = FindRequest {
        address: Address {
            project: Name::from(PROJECT),
            stage: Name::from(STAGE),
            reference: Name::from(wanted.reference.as_str()),
            service: Name::from(stage.model.manifest.service.id.as_str()),
            name: Name::from(wanted.name.as_str()),
        },
        params: Resolved(wanted.params.clone()),
        instance_id: None,
        idempotency_key: None,
        is_unsure: false,
        known: KnownIds::default(),
    };
    let found = Broker::find(scene.broker.as_ref(), &request).await;
    let found = found.map_err(|error| told(&error))?;
    Ok(found.map(|live| live.instance_id))
}
