//! `local-sqlite`: a SQLite database with its migrations.

mod database;
mod migration;

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OutputSchema, Param, ParamType, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::private;
use provision::value::{Outputs, Resolved};

use super::{Settings, done, params, path};

/// What SQLite keeps beside a database. They go first: one left behind would damage a new database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Provisions SQLite databases.
pub(crate) struct SqliteBroker {
    catalog: [Service; 1],
    settings: Settings,
}

impl SqliteBroker {
    pub(crate) fn new(settings: &Settings) -> Self {
        let service = Service {
            params: vec![
                Param::new("path", ParamType::Path, "Where the database file is.")
                    .required()
                    .replaces(),
                Param::new(
                    "migrations",
                    ParamType::PathOrList,
                    "A folder of `.sql` files, applied in the order of their names, or a list of \
                     `{ name, sql }`.",
                ),
            ],
            outputs: vec![
                OutputSchema::new("path", "Where the database file is, as the config says it."),
                OutputSchema::new("url", "`file:` and its absolute path."),
                OutputSchema::new("version", "The last applied migration, empty when none is."),
            ],
            deadline: Duration::from_secs(15 * 60),
            ..super::service("local-sqlite", "database", "A SQLite database with its migrations.")
        };
        Self { catalog: [service], settings: settings.clone() }
    }

    async fn migrate(&self, path: &str, params: &Resolved) -> Result<Outputs, BrokerError> {
        let wanted = migration::read(&self.settings, params)?;
        let place = self.settings.place(path)?;
        for suffix in COMPANIONS {
            self.settings.place(&format!("{path}{suffix}"))?;
        }
        let is_new = !is_there(&place, path)?;
        path::make_parent(&place, path)?;
        if is_new {
            make_empty(&place).map_err(|error| path::failed("make", path, &error))?;
        }
        let url = url(&place);
        let version = blocking(move || {
            let mut connection = database::open(&place)?;
            database::migrate(&mut connection, wanted.as_deref())
        })
        .await?;
        Ok(outputs(path, &url, &version))
    }

    async fn live(&self, name: &str, path: &str) -> Result<Option<Live>, BrokerError> {
        let place = self.settings.place(path)?;
        if !is_there(&place, path)? {
            return Ok(None);
        }
        let url = url(&place);
        let version = blocking(move || database::look(&place)).await?;
        let outputs = outputs(path, &url, &version);
        Ok(Some(Live::new(path, name, outputs)))
    }
}

#[async_trait]
impl Broker for SqliteBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let path = params::required_text(&request.params, "path")?;
        Ok(done(path, self.migrate(path, &request.params).await?))
    }

    // An empty database in place of a lost one would hide the loss.
    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let path = &request.instance_id;
        if !is_there(&self.settings.place(path)?, path)? {
            let message = format!("the database `{path}` is gone");
            return Err(BrokerError::new(ErrorKind::NotFound, message));
        }
        Ok(done(path, self.migrate(path, &request.params).await?))
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let path = &request.instance_id;
        let place = self.settings.place(path)?;
        is_there(&place, path)?;
        for suffix in COMPANIONS {
            let mut companion = place.clone().into_os_string();
            companion.push(suffix);
            path::remove_file(&PathBuf::from(companion), &format!("{path}{suffix}"))?;
        }
        path::remove_file(&place, path)?;
        Ok(Progress::Done(()))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        self.live(request.address.name.as_str(), &request.instance_id).await
    }

    // A new or edited file changes no param, and has to show in a plan all the same.
    fn contents(&self, _: &str, params: &Resolved) -> Result<Option<String>, BrokerError> {
        migration::digest_of_folder(&self.settings, params)
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        let path = path::to_find(request)?;
        self.live(request.address.name.as_str(), path).await
    }
}

fn outputs(path: &str, url: &str, version: &str) -> Outputs {
    Outputs::default().with("path", path).with("url", url).with("version", version)
}

/// The form that Prisma, drizzle (libsql) and SQLite's own URIs share. Only what would end the path
/// is escaped, because Prisma takes the rest as it is.
fn url(place: &Path) -> String {
    let path = place.display().to_string();
    format!("file:{}", path.replace('%', "%25").replace('?', "%3f").replace('#', "%23"))
}

/// Makes the file for a new database, for its owner alone. What SQLite keeps beside it has the same
/// rights.
fn make_empty(place: &Path) -> io::Result<()> {
    private::open(fs::OpenOptions::new().write(true).create_new(true), place).map(drop)
}

fn is_there(place: &Path, path: &str) -> Result<bool, BrokerError> {
    path::stands(place, path, "a database file", Metadata::is_file)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BrokerError> + Send + 'static,
) -> Result<T, BrokerError> {
    let lost = |_| BrokerError::new(ErrorKind::Unknown, "the work on the database was cut off");
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}

#[cfg(test)]
mod tests;
