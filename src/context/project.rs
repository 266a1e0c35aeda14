//! A config with everything around it.

use std::time::Duration;

use provision::config::Document;
use provision::name::Name;
use provision::store::{FileStore, Holder, Loaded, LockGuard, StoreError};
use provision::world::World;

use super::system::{host, user};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::holder;
use crate::sink::Sink;

/// How often somebody who waits for the lock tries again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a holder has to write its name, and how often it is looked for.
const NAMING: Duration = Duration::from_secs(1);
const NAMING_PAUSE: Duration = Duration::from_millis(20);

/// A config with everything around it.
pub struct Project {
    /// The config as written.
    pub document: Document,
    /// The project's name.
    pub name: Name,
    /// The stage.
    pub stage: Name,
    /// The effects.
    pub world: World,
    /// The store, as what it is.
    pub store: FileStore,
    /// Where bound outputs land.
    pub sink: Sink,
}

impl Project {
    /// The journal as it is.
    ///
    /// # Errors
    /// When it is damaged, newer or unreadable.
    pub async fn load(&self) -> Result<Loaded, Failure> {
        let mut loaded = self.world.store.load().await?;
        if loaded.existed && loaded.journal.stage != self.stage {
            let summary = format!(
                "The journal {} is that of the stage `{}`, not of `{}`.",
                self.store.path().display(),
                loaded.journal.stage,
                self.stage
            );
            let help = "Give each stage its own: put `${stage}` into `journal`.";
            return Err(Failure::with_help(Exit::Error, "other-stage", summary, help));
        }
        // Version 0 of the journal does not know kinds.
        let unknown: Vec<_> =
            loaded.journal.instances.iter().filter(|i| i.kind == "").cloned().collect();
        for mut instance in unknown {
            if let Some(service) = self.world.catalog.service(instance.service.as_str()) {
                instance.kind = service.kind.clone();
                loaded.journal.instances.put(instance);
            }
        }
        Ok(loaded)
    }

    /// Becomes the one writer, waiting for at most `seconds`.
    ///
    /// # Errors
    /// Who holds the lock, when somebody still does.
    pub async fn lock(&self, command: &str, seconds: u64) -> Result<Box<dyn LockGuard>, Failure> {
        let (pid, now) = (std::process::id(), self.world.clock.now());
        let ours = Holder::since(now, pid, host(), user(), command.to_owned());
        let mut left = Duration::from_secs(seconds);
        let mut patience = NAMING;
        loop {
            let theirs = match self.world.store.lock(&ours).await {
                Err(StoreError::Held(theirs)) => theirs.filter(|theirs| !holder::is_gone(theirs)),
                answer => return Ok(answer?),
            };
            // Who has just locked writes its name next: until then none is there, or a dead one's.
            let (budget, pause) = match theirs {
                None if left.is_zero() => (&mut patience, NAMING_PAUSE),
                _ => (&mut left, PAUSE),
            };
            if budget.is_zero() {
                return Err(match theirs {
                    None => holder::unnamed(self.store.lock_path()),
                    named => StoreError::Held(named).into(),
                });
            }
            self.world.clock.sleep(pause).await;
            *budget = budget.saturating_sub(pause);
        }
    }
}
