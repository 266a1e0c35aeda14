//! The brokers at hand: those of this machine, and those that manifests describe.

use std::sync::{Arc, OnceLock};

use brokers::catalog;
use brokers::http::RealTimer;
use brokers::local;
use brokers::manifest::{File, Origin};
use brokers::rest::{RestBroker, Stored, Surroundings};
use provision::broker::{Broker, Catalog};
use provision::diagnostic::{Diagnostics, Sources};

use super::Context;
use super::system::{config_home, identity_path};
use crate::credentials::Credentials;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::vault::AgeVault;

/// The brokers at hand.
#[derive(Clone)]
pub struct Brokers {
    /// Of this machine.
    pub local: Vec<Arc<dyn Broker>>,
    /// Of manifests, one a provider.
    pub rest: Vec<Arc<RestBroker>>,
}

impl Brokers {
    /// Every service and the broker that provisions it.
    pub fn catalog(&self) -> Catalog {
        let rest = self.rest.iter().map(|broker| Arc::clone(broker) as Arc<dyn Broker>);
        Catalog::new(self.local.iter().cloned().chain(rest))
    }
}

/// The user's stored credentials: theirs alone, whatever the recipients of the project are.
pub fn credentials() -> Credentials {
    let given = std::env::var("PROV_AGE_IDENTITY").ok();
    let folder = config_home().join("prov").join("credentials");
    Credentials::new(folder, AgeVault::of_user(given, identity_path()))
}

/// The look-up that every broker of this process shares, so that a file is opened once.
fn stored() -> Arc<Stored> {
    static STORED: OnceLock<Arc<Stored>> = OnceLock::new();
    Arc::clone(STORED.get_or_init(|| credentials().into_lookup()))
}

impl Context {
    /// The brokers at hand, read once.
    ///
    /// # Errors
    /// When a manifest of the project or the user is wrong.
    pub fn brokers(&mut self) -> Result<Brokers, Failure> {
        if let Some(brokers) = &self.brokers {
            return Ok(brokers.clone());
        }
        let (rest, problems) = self.sound_brokers();
        if problems.has_errors() {
            return Err(Failure::of(Exit::Error, problems));
        }
        let settings = self.surroundings().settings;
        let brokers = Brokers { local: brokers::local(&settings), rest };
        self.brokers = Some(brokers.clone());
        Ok(brokers)
    }

    /// The brokers of those manifests that are right, and what is wrong with the others: for
    /// commands that one broken file must not stop.
    pub fn sound_brokers(&mut self) -> (Vec<Arc<RestBroker>>, Diagnostics) {
        if let Some(brokers) = &self.brokers {
            return (brokers.rest.clone(), Diagnostics::default());
        }
        let mut problems = Diagnostics::default();
        let files = self.manifest_files(&mut problems);
        let mut sources = Sources::default();
        let rest = catalog::brokers(files, &self.surroundings(), &mut sources, &mut problems);
        if problems.has_errors() {
            self.sources = sources;
            problems.sort();
        }
        (rest, problems)
    }

    /// Every service and the broker that provisions it.
    ///
    /// # Errors
    /// When a manifest of the project or the user is wrong.
    pub fn catalog(&mut self) -> Result<Catalog, Failure> {
        Ok(self.brokers()?.catalog())
    }

    /// The manifests: built in, the user's, the project's.
    pub fn manifest_files(&self, problems: &mut Diagnostics) -> Vec<File> {
        let mut files = catalog::built_in();
        let user = config_home().join("prov").join("brokers");
        let shown = user.display().to_string();
        files.extend(catalog::in_folder(&user, &shown, Origin::User, problems));
        let project = self.root.join("brokers");
        files.extend(catalog::in_folder(&project, "brokers", Origin::Project, problems));
        files
    }

    /// What brokers need of this machine.
    pub fn surroundings(&self) -> Surroundings {
        let settings =
            local::Settings { root: self.root.clone(), allow_outside: self.global.allow_outside };
        Surroundings {
            settings,
            env: Arc::new(|name| std::env::var(name).ok()),
            stored: stored(),
            timer: Arc::new(RealTimer::default()),
        }
    }
}
