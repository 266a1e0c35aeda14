//! A journal brought to what is live.

use std::collections::{HashMap, HashSet};

use super::{Drift, LiveState, NAME, Observation};
use crate::broker::Live;
use crate::name::Name;
use crate::plan::Change;
use crate::state::{DRIFTED, Journal, Sealed, Status};
use crate::value::MASK;
use crate::world::{VaultError, World};

/// A journal after a look at what is live, and what a plan has to mend.
pub struct Refreshed {
    /// The journal: what is gone is gone from it, changed outputs are taken over.
    pub journal: Journal,
    /// By instance, its name and params that the provider shows other than they are declared: from what
    /// it shows to what is declared.
    pub edited: HashMap<Name, Vec<Change>>,
    /// Instances that are gone.
    pub gone: HashSet<Name>,
    /// What could not be looked at, and why.
    pub errors: Vec<(Name, String)>,
}

/// Brings a journal to what was seen. What could not be seen stays as it is.
///
/// # Errors
/// When a secret output cannot be sealed.
pub fn refresh(
    mut journal: Journal,
    seen: &[Observation],
    world: &World,
) -> Result<Refreshed, VaultError> {
    let (mut edited, mut gone, mut errors) = (HashMap::new(), HashSet::new(), Vec::new());
    for observation in seen {
        let reference = &observation.reference;
        match (&observation.state, &observation.live) {
            (LiveState::Missing, _) => {
                forget(&mut journal, reference);
                gone.insert(reference.clone());
            }
            (LiveState::Error(error), _) => errors.push((reference.clone(), error.clone())),
            (LiveState::Drifted(drift), Some(live)) => {
                let is_declared = |drift: &&Drift| {
                    drift.0.as_str() == NAME || drift.0.as_str().starts_with("params.")
                };
                let declared: Vec<Change> = drift.iter().filter(is_declared).map(change).collect();
                if declared.len() < drift.len() {
                    take_over(&mut journal, reference, live, world)?;
                }
                if !declared.is_empty() {
                    edited.insert(reference.clone(), declared);
                }
            }
            _ => {}
        }
    }
    Ok(Refreshed { journal, edited, gone, errors })
}

fn change((path, given, shown): &Drift) -> Change {
    Change {
        path: path.as_str().trim_start_matches('$').to_owned(),
        before: Some(shown.clone()),
        after: Some(given.clone()),
        sensitive: given == MASK,
    }
}

/// Takes an entry out of the journal whose object is gone.
fn forget(journal: &mut Journal, reference: &Name) {
    let gone = journal.instances.remove(reference.as_str());
    // Its former objects may be there still, and somebody has to remember them.
    if let Some(mut gone) = gone.filter(|gone| !gone.deposed.is_empty()) {
        gone.instance_id.clear();
        gone.outputs.clear();
        gone.sensitive.clear();
        gone.status = Status::Failed;
        journal.instances.put(gone);
    }
}

/// Records the outputs that are live. The declared state differs from them now, so that the next
/// plan is an update.
fn take_over(
    journal: &mut Journal,
    reference: &Name,
    live: &Live,
    world: &World,
) -> Result<(), VaultError> {
    let Some(mut instance) = journal.instances.get(reference.as_str()).cloned() else {
        return Ok(());
    };
    for (key, output) in &live.outputs.0 {
        if instance.sensitive.contains_key(key) || output.sensitive {
            let sealed = world.vault.seal(&output.value)?;
            let id = world.ids.fresh();
            instance.sensitive.insert(key.clone(), Sealed { id, sealed });
        } else {
            instance.outputs.insert(key.clone(), output.value.clone());
        }
    }
    instance.inputs = Some(DRIFTED.to_owned());
    instance.updated_at = Some(world.clock.now());
    journal.instances.put(instance);
    Ok(())
}
