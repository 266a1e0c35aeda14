//! A config with everything around it.

use std::time::Duration;

use provision::config::Document;
use provision::name::Name;
use provision::store::{FileStore, Holder, Loaded, LockGuard, StoreError};
use provision::world::World;

use super::system::{host, user};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sink::Sink;

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
        let holder = Holder::since(now, pid, host(), user(), command.to_owned());
        let pause = Duration::from_millis(200);
        let mut left = Duration::from_secs(seconds);
        loop {
            match self.world.store.lock(&holder).await {
                Err(StoreError::Held(_)) if !left.is_zero() => {
                    self.world.clock.sleep(pause).await;
                    left = left.saturating_sub(pause);
                }
                answer => return Ok(answer?),
            }
        }
    }
}
