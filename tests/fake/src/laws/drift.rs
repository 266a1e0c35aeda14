//! The laws of change: what somebody else edits is seen, and what we change arrives.

use provision::broker::OnChange;
use provision::observe::{LiveState, Observation};
use provision::plan::Action;
use serde_json::Value;

use super::life::lost;
use crate::fake::Patch;
use crate::scene::{Scene, story};
use crate::stage::{During as _, Fall, Stage, Verdict, alike, verdict, without};

/// What is declared is what is shown; and what somebody edits is what the next plan shows, that and
/// nothing else, and what it mends.
pub async fn edits_are_seen(stage: &Stage) -> Verdict {
    let visible = stage.visible();
    let scene = stage.scene().await;
    scene.apply(stage.example()).await.during("apply")?;
    let mut seen = untouched(stage, &scene).await?;
    if visible.is_empty() && seen.is_empty() {
        return without("none of the example's params can be seen");
    }
    let shown = shown(&scene.pull().await);
    for (param, declared) in &visible {
        match shown.iter().find(|(key, _)| key == param) {
            None => seen.push(format!("{param} is declared and not shown")),
            Some((_, value)) if alike(value, declared) => {}
            Some((_, value)) => seen.push(format!("{param} is {declared} and shown as {value}")),
        }
    }
    for (param, _) in &visible {
        seen.extend(edited(stage, &scene, param).await?);
    }
    seen.extend(renamed(stage, &scene).await?);
    verdict(seen)
}

/// Somebody gives it another name, where that can be set back.
async fn renamed(stage: &Stage, scene: &Scene) -> Result<Vec<String>, Fall> {
    let rule = &stage.model.manifest.service.name;
    let path = rule.read.as_ref().and_then(|read| read.path()?.strip_prefix("object."));
    let Some(path) = path.filter(|_| rule.on_change == OnChange::Update) else {
        return Ok(Vec::new());
    };
    let name = format!("{}-of-another", stage.example().name);
    let path = path.split('.').map(str::to_owned).collect();
    let patch = Patch::Set(path, Value::from(name.as_str()));
    if let Some(object) = scene.fake().objects.first_mut() {
        object.patches.push(("name".to_owned(), patch));
    }
    let mut seen = Vec::new();
    let plan = scene.refreshed(stage.example()).await.during("refresh")?;
    let changes = plan.steps.iter().flat_map(|step| &step.changes);
    let changes: Vec<&str> = changes.map(|change| change.path.as_str()).collect();
    if changes != ["name"] {
        seen.push(format!("it was renamed, and a refresh plans: {}", story(&plan)));
    }
    scene.mend(stage.example()).await.during("mending the name")?;
    seen.extend(untouched(stage, scene).await?.into_iter().map(|s| format!("name: {s}")));
    Ok(seen)
}

/// A refresh of what nobody edited changes nothing.
async fn untouched(stage: &Stage, scene: &Scene) -> Result<Vec<String>, crate::stage::Fall> {
    let plan = scene.refreshed(stage.example()).await.during("refresh")?;
    Ok(match plan.is_clean() {
        true => Vec::new(),
        false => vec![format!("a refresh of what nobody touched plans {}", story(&plan))],
    })
}

fn shown(seen: &[Observation]) -> Vec<(String, Value)> {
    let live = seen.iter().filter_map(|observation| observation.live.as_ref());
    live.flat_map(|live| live.params.0.clone()).collect()
}

/// Somebody edits a param.
async fn edited(
    stage: &Stage,
    scene: &Scene,
    param: &str,
) -> Result<Vec<String>, crate::stage::Fall> {
    let mut seen = Vec::new();
    let Some((Some(patch), value)) = stage.edit(param) else {
        return Ok(vec![format!("{param}: its `read` is more than a path: write example.edits")]);
    };
    let before = scene.journal().await;
    let patch = (param.to_owned(), patch);
    let put = |scene: &Scene| {
        if let Some(object) = scene.fake().objects.first_mut() {
            object.patches.push(patch.clone());
        }
    };
    put(scene);
    let wanted = format!("params.{param}");
    let observed = scene.pull().await;
    let drift = observed.iter().flat_map(|observation| match &observation.state {
        LiveState::Drifted(drift) => drift.iter().map(|(key, ..)| key.to_string()).collect(),
        _ => Vec::new(),
    });
    let drift: Vec<String> = drift.filter(|path| path.starts_with("params.")).collect();
    let is_of = |path: &String| path.split(['.', '[']).nth(1) == Some(param);
    if drift.is_empty() || !drift.iter().all(is_of) {
        seen.push(format!("{param} was edited to {value}, and a look shows {drift:?}"));
    }
    let plan = scene.refreshed(stage.example()).await.during("refresh")?;
    let changes: Vec<String> =
        plan.steps.iter().flat_map(|step| &step.changes).map(|c| c.path.clone()).collect();
    if changes.is_empty() || !changes.iter().all(|path| path.starts_with(&wanted)) {
        let plan = story(&plan);
        seen.push(format!("{param} was edited to {value}, and a refresh plans: {plan}"));
    } else if plan.count(Action::Update) == 1 {
        scene.mend(stage.example()).await.during(&format!("mending {param}"))?;
        seen.extend(untouched(stage, scene).await?.into_iter().map(|s| format!("{param}: {s}")));
        seen.extend(lost(scene).await);
    }
    if let Some(object) = scene.fake().objects.first_mut() {
        object.patches.retain(|(patched, _)| patched != param);
    }
    scene.world.store.save(&before).await.map_err(|e| e.to_string()).during("restore")?;
    Ok(seen)
}

/// A param that changes in place is changed in place, at the provider too.
pub async fn updates_arrive(stage: &Stage) -> Verdict {
    let changes = stage.changes();
    if changes.is_empty() {
        return without("none of the example's params changes in place");
    }
    let mut seen = Vec::new();
    for (param, wanted) in changes {
        let scene = stage.next_scene();
        scene.apply(stage.example()).await.during("apply")?;
        let id = scene.entry().await.map(|entry| entry.instance_id);
        for wanted in [&wanted, stage.example()] {
            let start = scene.log_length();
            let step = format!("update of {param} to {:?}", wanted.params.get(&param));
            let plan = match scene.apply(wanted).await {
                Ok(plan) => plan,
                Err(error) => {
                    seen.push(format!("{step}: {error}"));
                    break;
                }
            };
            if plan.count(Action::Update) != 1 {
                seen.push(format!("{step}: planned {}", story(&plan)));
            }
            if scene.entry().await.map(|entry| entry.instance_id) != id {
                seen.push(format!("{step}: another id"));
            }
            let acts = scene.since(start).iter().filter(|entry| !entry.is_look).count();
            if acts == 0 {
                seen.push(format!("{step}: nothing was sent"));
            }
            seen.extend(arrived(&scene, &param).into_iter().map(|s| format!("{step}: {s}")));
            let again = scene.refreshed(wanted).await.during("refresh")?;
            if !again.is_clean() {
                seen.push(format!("{step}: then a refresh plans {}", story(&again)));
            }
            seen.extend(lost(&scene).await);
        }
        seen.extend(scene.fake().notes.iter().map(|note| format!("{param}: {note}")));
    }
    verdict(seen)
}

/// Whether the provider has what is declared of a param.
fn arrived(scene: &Scene, param: &str) -> Option<String> {
    let fake = scene.fake();
    let object = fake.objects.first()?;
    let (model, wanted) = (&scene.model, &fake.wanted);
    if param == "name" {
        let is_named = object.belief.name == wanted.name;
        return (!is_named).then(|| format!("its name is {}", object.belief.name));
    }
    let rule = model.manifest.service.param(param)?;
    rule.read.as_ref()?;
    let shown = model.read(param, wanted, &fake.render(object));
    let declared = wanted.params.get(param)?;
    let is_same = shown.as_ref().is_some_and(|shown| alike(shown, declared));
    (!is_same).then(|| format!("the provider shows {shown:?}"))
}
