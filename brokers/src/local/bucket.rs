//! `local-bucket`: a folder for an app's files.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OutputSchema, Param, ParamType, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::value::Outputs;

use super::{Settings, done, params, path};

/// What the path of a URL cannot hold as it is.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Provisions folders.
pub(crate) struct BucketBroker {
    catalog: [Service; 1],
    settings: Settings,
}

impl BucketBroker {
    pub(crate) fn new(settings: &Settings) -> Self {
        let service = Service {
            params: vec![
                Param::new("path", ParamType::Path, "Where the folder is.").required().replaces(),
                Param::new(
                    "force_destroy",
                    ParamType::Boolean,
                    "Whether it may go with files in it.",
                )
                .default(false),
            ],
            outputs: vec![
                OutputSchema::new("path", "Where the folder is, as the config says it."),
                OutputSchema::new("url", "Its `file://` URL, with the absolute path."),
            ],
            ..super::service("local-bucket", "storage", "A folder for an app's files.")
        };
        Self { catalog: [service], settings: settings.clone() }
    }

    fn live(&self, name: &str, path: &str) -> Result<Option<Live>, BrokerError> {
        let place = self.settings.place(path)?;
        if !is_there(&place, path)? {
            return Ok(None);
        }
        let outputs = outputs(path, &place);
        Ok(Some(Live::new(path, name, outputs)))
    }
}

#[async_trait]
impl Broker for BucketBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let path = params::required_text(&request.params, "path")?;
        let place = self.settings.place(path)?;
        if !is_there(&place, path)? {
            fs::create_dir_all(&place).map_err(|error| path::failed("make", path, &error))?;
        }
        Ok(done(path, outputs(path, &place)))
    }

    // An empty folder in place of a lost one would hide the loss.
    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let path = &request.instance_id;
        let live = self.live(request.address.name.as_str(), path)?.ok_or_else(|| {
            BrokerError::new(ErrorKind::NotFound, format!("the folder `{path}` is gone"))
        })?;
        Ok(done(path, live.outputs))
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let path = &request.instance_id;
        let place = self.settings.place(path)?;
        if !is_there(&place, path)? {
            return Ok(Progress::Done(()));
        }
        let whole = request.force || params::flag(&request.previous.params, "force_destroy")?;
        let removed = if whole { fs::remove_dir_all(&place) } else { fs::remove_dir(&place) };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Err(not_empty(path)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(path::failed("remove", path, &error))
            }
            _ => Ok(Progress::Done(())),
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        self.live(request.address.name.as_str(), &request.instance_id)
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        let path = path::to_find(request)?;
        self.live(request.address.name.as_str(), path)
    }
}

fn outputs(path: &str, place: &Path) -> Outputs {
    Outputs::default().with("path", path).with("url", url(place))
}

fn url(place: &Path) -> String {
    let path = percent_encode(place.as_os_str().as_encoded_bytes(), PATH);
    // A drive letter is no part of the host.
    let slash = if place.has_root() && !cfg!(windows) { "" } else { "/" };
    format!("file://{slash}{path}")
}

fn is_there(place: &Path, path: &str) -> Result<bool, BrokerError> {
    path::stands(place, path, "a folder", Metadata::is_dir)
}

fn not_empty(path: &str) -> BrokerError {
    BrokerError::new(ErrorKind::Refused, format!("the folder `{path}` is not empty")).help(
        "Empty it first, set `force_destroy = true` and apply that, or pass `--force`: \
         the files in it are lost then.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Desk, live_output, output};
    use super::*;

    fn desk() -> Desk {
        Desk::new(BucketBroker::new)
    }

    fn files() -> Value {
        json!({ "path": "data/my files" })
    }

    #[tokio::test]
    async fn it_is_made_once() {
        let desk = desk();
        let made = desk.create(files()).await.unwrap();
        assert!(desk.project.path("data/my files").is_dir());
        assert_eq!(made.instance_id, "data/my files");
        assert_eq!(output(&made, "path"), "data/my files");
        assert_eq!(desk.create(files()).await.unwrap(), made);
        assert_eq!(desk.update(&made, files(), files()).await.unwrap(), made);
        let live = desk.fetch(&made, files()).await.unwrap().unwrap();
        assert_eq!(live.outputs, made.outputs);
    }

    #[cfg(unix)]
    #[test]
    fn its_url_is_encoded() {
        assert_eq!(url(Path::new("/a b/ü#?%")), "file:///a%20b/%C3%BC%23%3F%25");
    }

    #[tokio::test]
    async fn an_empty_one_goes_and_stays_gone() {
        let desk = desk();
        let made = desk.create(files()).await.unwrap();
        desk.delete(&made, files()).await.unwrap();
        assert!(!desk.project.exists("data/my files"));
        desk.delete(&made, files()).await.unwrap();
        assert_eq!(desk.fetch(&made, files()).await.unwrap(), None);
        let error = desk.update(&made, files(), files()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn one_with_files_in_it_stays() {
        let desk = desk();
        let made = desk.create(files()).await.unwrap();
        desk.project.write("data/my files/a/b", "precious");
        let error = desk.delete(&made, files()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.help.unwrap().contains("force_destroy"));
        assert_eq!(desk.project.read("data/my files/a/b"), "precious");
    }

    #[tokio::test]
    async fn force_or_force_destroy_removes_the_files_too() {
        let desk = desk();
        let forced = json!({ "path": "data", "force_destroy": true });
        for (params, force) in [(json!({ "path": "data" }), true), (forced, false)] {
            let made = desk.create(params.clone()).await.unwrap();
            desk.project.write("data/a/b", "text");
            desk.remove(&made, params, force).await.unwrap();
            assert!(!desk.project.exists("data"));
        }
    }

    #[tokio::test]
    async fn a_folder_that_stands_there_already_is_found() {
        let desk = desk();
        assert_eq!(desk.find(files()).await.unwrap(), None);
        desk.project.write("data/my files/x", "theirs");
        assert_eq!(live_output(desk.find(files()).await.unwrap(), "path"), "data/my files");
    }

    #[tokio::test]
    async fn a_file_in_its_place_is_a_conflict() {
        let desk = desk();
        desk.project.write("data/my files", "");
        assert_eq!(desk.create(files()).await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(desk.find(files()).await.unwrap_err().kind, ErrorKind::Conflict);
    }

    #[tokio::test]
    async fn the_project_folder_is_never_one() {
        let desk = desk();
        for path in [".", "data/..", ".."] {
            let error = desk.create(json!({ "path": path })).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{path}");
        }
    }
}
