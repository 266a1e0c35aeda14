//! The brokers at hand: those of this machine, and those that manifests describe.

use std::sync::{Arc, OnceLock};

use brokers::catalog::{self, Place};
use brokers::http::{Accounts, RealTimer};
use brokers::local;
use brokers::manifest::{Broken, File, Origin};
use brokers::rest::{RestBroker, Stored, Surroundings};
use provision::broker::{Broker, Catalog};
use provision::config::Document;
use provision::diagnostic::Diagnostics;
use provision::text::Kind;

use super::Context;
use super::system::{config_home, identity_path};
use crate::credentials::Credentials;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::talk;
use crate::vault::AgeVault;

/// The brokers at hand.
#[derive(Clone)]
pub struct Brokers {
    /// Of this machine.
    pub local: Vec<Arc<dyn Broker>>,
    /// Of manifests, one a provider.
    pub rest: Vec<Arc<RestBroker>>,
    /// The files of manifests that cannot be used.
    pub broken: Arc<[Broken]>,
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
    /// The brokers at hand, read once. Files that cannot be used are left out, and named once.
    pub fn brokers(&mut self) -> Brokers {
        let brokers = self.quiet_brokers();
        for broken in std::mem::take(&mut self.unnamed) {
            talk(warning(&broken));
        }
        brokers
    }

    /// The brokers for a config.
    ///
    /// # Errors
    /// When it names a service whose file, or whose provider's file, is wrong.
    pub fn brokers_for(&mut self, document: &Document) -> Result<Brokers, Failure> {
        self.quiet_brokers();
        match self.broken(|broken| is_named(document, broken)) {
            Some(problems) => Err(Failure::of(Exit::Error, problems)),
            None => Ok(self.brokers()),
        }
    }

    /// What is wrong with the files that are meant, when they are left out.
    pub fn broken(&mut self, is_meant: impl Fn(&Broken) -> bool) -> Option<Diagnostics> {
        let brokers = self.quiet_brokers();
        let mut problems = Diagnostics::default();
        for broken in brokers.broken.iter().filter(|broken| is_meant(broken)) {
            problems.extend(broken.shown(&mut self.sources));
        }
        // What is shown as a whole needs no warning.
        self.unnamed.retain(|broken| !is_meant(broken));
        problems.has_errors().then_some(problems)
    }

    fn quiet_brokers(&mut self) -> Brokers {
        if let Some(brokers) = &self.brokers {
            return brokers.clone();
        }
        let (files, mut broken) = self.manifest_files();
        let around = self.surroundings();
        let (rest, others) = catalog::brokers(files, &around);
        broken.extend(others);
        self.unnamed.clone_from(&broken);
        let local = brokers::local(&around.settings);
        let brokers = Brokers { local, rest, broken: broken.into() };
        self.brokers = Some(brokers.clone());
        brokers
    }

    /// The manifests: built in, the user's, the project's; and what cannot be read of them.
    pub fn manifest_files(&self) -> (Vec<File>, Vec<Broken>) {
        let user = config_home().join("prov").join("brokers");
        let shown = user.display().to_string();
        let project = self.root.join("brokers");
        catalog::files(&[
            Place { folder: user, shown, origin: Origin::User, bounds: None },
            Place {
                folder: project,
                shown: "brokers".to_owned(),
                origin: Origin::Project,
                bounds: Some(self.bounds()),
            },
        ])
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
            accounts: Accounts::default(),
        }
    }
}

/// Whether an instance of a config is of a service that is left out because of a file.
fn is_named(document: &Document, broken: &Broken) -> bool {
    let services = document.instances.iter().filter_map(|node| node.get("service"));
    services.map(|service| &service.kind).any(|kind| match kind {
        Kind::Text(service) => broken.services.contains(service),
        _ => false,
    })
}

fn warning(broken: &Broken) -> String {
    let (noun, them) = match broken.problems.iter().count() {
        1 => ("1 problem".to_owned(), "it"),
        count => (format!("{count} problems"), "them"),
    };
    let what = match broken.services.len() {
        0 | 1 => "is left out",
        _ => "is left out with its services",
    };
    let path = &broken.path;
    format!("warning: {path} has {noun} and {what}: `prov broker lint` shows {them}.")
}
