//! What holds for every config, every journal and every way a run can go.
//!
//! The seed is fixed, so that a run says something about the code and not about luck;
//! `PROPTEST_RNG_SEED` and `PROPTEST_CASES` look further.
#![cfg(test)]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use provision::config::Document;
use provision::diagnostic::Diagnostics;
use provision::plan::{self, Input, Options};
use serde_json::{Map, Value, json};

use prov_sim::Removals;
use prov_sim::project::{FINDABLE, MOVING, TAME, WILD, desired, histories, projects};
use prov_sim::provider::Provider;
use prov_sim::scene::{
    Scene, assert_accounted_for, assert_ordered, catalog, crash_after, play, story,
};
use prov_sim::services::FILE;

/// A config of one file.
fn one_file(reference: &str, name: &str, path: &str) -> Map<String, Value> {
    let params = json!({ "path": path, "content": 1 });
    let file = json!({ "ref": reference, "service": FILE, "name": name, "params": params });
    Map::from_iter([("instances".to_owned(), json!([file]))])
}

#[test]
fn what_a_replacement_left_makes_room_when_it_is_wanted_again() {
    play(async {
        let scene = Scene::new(0);
        let at = |path| desired(one_file("r", "n", path), &scene.world.catalog);
        let (here, there) = (at("here"), at("there"));
        assert!(scene.apply(&here).await.1.is_complete());
        scene.provider.removals(Removals::Fail);
        assert!(!scene.apply(&there).await.1.is_complete());
        scene.provider.removals(Removals::Work);
        let (plan, ended) = scene.apply(&here).await;
        assert!(ended.is_complete(), "{}", story(&plan, &ended, &scene.plan(&here).await));
        scene.assert_is_live(&here).await;
    });
}

#[test]
fn what_another_instance_holds_by_now_is_not_destroyed() {
    play(async {
        let scene = Scene::new(0);
        let catalog = &scene.world.catalog;
        let first = desired(one_file("first", "one", "path"), catalog);
        let second = desired(one_file("second", "two", "path"), catalog);
        assert!(scene.apply(&first).await.1.is_complete());
        scene.provider.removals(Removals::GoUnheard);
        assert!(!scene.apply(&desired(Map::new(), catalog)).await.1.is_complete());
        scene.provider.removals(Removals::Work);
        assert!(scene.apply(&second).await.1.is_complete());
        scene.assert_is_live(&second).await;
    });
}

fn cases(count: u32) -> ProptestConfig {
    let given = ProptestConfig::default();
    let is_given = given.cases != 256;
    let seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(20_261_120),
        seed => seed,
    };
    let cases = if is_given { given.cases } else { count };
    ProptestConfig { cases, rng_seed: seed, failure_persistence: None, ..given }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_plan_is_total_deterministic_and_ordered(
        project in projects(WILD),
        (past, seed) in prov_sim::journal::pasts(projects(WILD)),
        prune: bool,
        force: bool,
        found: bool,
    ) {
        let catalog = catalog(&Provider::new(0));
        let desired = project.desired(&catalog);
        let journal = prov_sim::journal::journal(&past, seed, &catalog);
        let adopted = desired.instances.iter().filter(|spec| spec.adopt && found);
        let found = adopted.map(|spec| spec.reference.clone()).collect();
        let options = Options { prune, force, found, ..Options::default() };
        let (desired, journal, catalog) = (&desired, &journal, &catalog);
        let input = Input { desired, journal, catalog, options: &options };
        let plan = plan::plan(input);
        let wrong = plan.problems.iter().find(|problem| problem.code == "plan-check");
        prop_assert!(wrong.is_none(), "{:#?}\n{:#?}", wrong, plan.steps);
        prop_assert_eq!(format!("{plan:?}"), format!("{:?}", plan::plan(input)));
        assert_ordered(&plan, journal);
        let teardown = plan::teardown(journal, &options);
        prop_assert!(teardown.problems.is_empty(), "{:#?}", teardown.problems);
        assert_ordered(&teardown, journal);
    }

    #[test]
    fn a_snapshot_says_what_the_config_says(project in projects(WILD)) {
        let catalog = catalog(&Provider::new(0));
        let config = project.config();
        let mut problems = Diagnostics::default();
        let document = Document::from_snapshot(config.clone(), &mut problems);
        let snapshot = document.to_snapshot();
        let again = Document::from_snapshot(snapshot.clone(), &mut problems);
        prop_assert_eq!(&again.to_snapshot(), &snapshot);
        let (first, second) = (desired(config, &catalog), desired(snapshot, &catalog));
        prop_assert_eq!(first.instances, second.instances);
        prop_assert_eq!((first.order, first.env), (second.order, second.env));
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn what_is_applied_needs_no_change(
        projects in histories(WILD, 4),
        seed: u64,
    ) {
        play(async {
            let scene = Scene::new(seed);
            for project in &projects {
                let desired = project.desired(&scene.world.catalog);
                scene.others_act(&desired).await;
                let (plan, ended) = scene.apply(&desired).await;
                assert_accounted_for(&plan, &ended);
                let left = scene.plan(&desired).await;
                let is_done = ended.is_complete() && left.is_clean();
                assert!(is_done, "{}", story(&plan, &ended, &left));
                assert!(scene.provider.breaches().is_empty(), "{:?}", scene.provider.breaches());
            }
        });
    }

    #[test]
    fn after_faults_stop_everything_is_there_once(
        projects in histories(TAME, 3),
        faults in 5_u64..60,
        seed: u64,
    ) {
        play(async {
            let scene = Scene::new(seed);
            for project in &projects {
                let desired = project.desired(&scene.world.catalog);
                scene.provider.fail(faults);
                for _ in 0..2 {
                    let (plan, ended) = scene.apply(&desired).await;
                    assert_accounted_for(&plan, &ended);
                    scene.assert_nothing_is_lost().await;
                }
            }
            scene.provider.fail(0);
            let desired = projects.last().unwrap().desired(&scene.world.catalog);
            scene.converge(&desired, 3).await;
            scene.assert_is_live(&desired).await;
        });
    }

    #[test]
    fn what_changes_its_ref_is_not_lost_by_it(
        projects in histories(MOVING, 5),
        polls in prop::collection::vec(prop_oneof![0_usize..150, Just(usize::MAX)], 6),
        faults in 5_u64..40,
        seed: u64,
    ) {
        play(async {
            let scene = Scene::new(seed);
            scene.provider.fail(faults);
            for (project, polls) in projects.iter().zip(&polls) {
                let desired = project.desired(&scene.world.catalog);
                crash_after(*polls, scene.apply(&desired)).await;
                scene.assert_nothing_is_lost().await;
            }
        });
    }

    #[test]
    fn after_crashes_everything_is_there_once(
        projects in histories(FINDABLE, 4),
        polls in prop::collection::vec(0_usize..150, 5),
        faults in 0_u64..20,
        seed: u64,
    ) {
        play(async {
            let scene = Scene::new(seed);
            for (project, polls) in projects.iter().zip(&polls) {
                let desired = project.desired(&scene.world.catalog);
                scene.provider.fail(faults);
                crash_after(*polls, scene.apply(&desired)).await;
                scene.assert_nothing_is_lost().await;
            }
            scene.provider.fail(0);
            let desired = projects.last().unwrap().desired(&scene.world.catalog);
            scene.converge(&desired, 3).await;
            scene.assert_is_live(&desired).await;
        });
    }
}
