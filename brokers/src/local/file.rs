//! `local-file`: a file with a given content.

use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OutputSchema, Param, ParamType, Previous, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::digest;
use provision::private;
use provision::value::{Outputs, Resolved};

use super::{Settings, done, invalid, params, path};

/// Provisions files.
pub(crate) struct FileBroker {
    catalog: [Service; 1],
    settings: Settings,
}

impl FileBroker {
    pub(crate) fn new(settings: &Settings) -> Self {
        let service = Service {
            params: vec![
                Param::new("path", ParamType::Path, "Where the file is.").required().replaces(),
                Param::new("content", ParamType::String, "What is in it.").required(),
                Param::new("mode", ParamType::String, "Its permissions, in octal.")
                    .default("0644")
                    .pattern("0?[0-7]{3}"),
            ],
            outputs: vec![
                OutputSchema::new("path", "Where the file is, as the config says it."),
                OutputSchema::new("sha256", "The SHA-256 of its content, in hex."),
                OutputSchema::new("bytes", "How long it is."),
            ],
            ..super::service("local-file", "file", "A file with a given content.")
        };
        Self { catalog: [service], settings: settings.clone() }
    }

    fn write(&self, params: &Resolved) -> Result<Outputs, BrokerError> {
        let path = params::required_text(params, "path")?;
        let content = params::required_text(params, "content")?.as_bytes();
        let mode = mode(params)?;
        let place = self.settings.place(path)?;
        is_there(&place, path)?;
        let folder = path::make_parent(&place, path)?;
        replace(&place, folder, content, mode)
            .map_err(|error| path::failed("write", path, &error))?;
        Ok(outputs(path, content))
    }

    fn live(&self, name: &str, path: &str) -> Result<Option<Live>, BrokerError> {
        let place = self.settings.place(path)?;
        let Some(content) = read(&place, path)? else { return Ok(None) };
        let outputs = outputs(path, &content);
        Ok(Some(Live::new(path, name, outputs)))
    }
}

#[async_trait]
impl Broker for FileBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let path = params::required_text(&request.params, "path")?;
        Ok(done(path, self.write(&request.params)?))
    }

    // One that was changed or removed behind our back is written again: its content is all ours.
    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        Ok(done(&request.instance_id, self.write(&request.params)?))
    }

    async fn deprovision(&self, request: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        let path = &request.instance_id;
        let place = self.settings.place(path)?;
        remove_draft(&draft_of(&place)).map_err(|error| path::failed("remove", path, &error))?;
        let Some(content) = read(&place, path)? else { return Ok(Progress::Done(())) };
        if !request.force && !is_ours(&content, &request.previous) {
            return Err(BrokerError::new(
                ErrorKind::Refused,
                format!("`{path}` is not what was written there: it has changed since"),
            )
            .help("Look at the file first; `--force` removes it all the same."));
        }
        path::remove_file(&place, path)?;
        Ok(Progress::Done(()))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        self.live(request.address.name.as_str(), &request.instance_id)
    }

    async fn find(&self, request: &FindRequest) -> Result<Option<Live>, BrokerError> {
        let path = path::to_find(request)?;
        self.live(request.address.name.as_str(), path)
    }
}

// A write whose record was lost leaves the params as the only trace of what is ours.
fn is_ours(content: &[u8], previous: &Previous) -> bool {
    let hash = sha256(content);
    let written = previous.params.text("content").map(|content| sha256(content.as_bytes()));
    previous.outputs.text("sha256") == Some(hash.as_str()) || written.is_some_and(|w| w == hash)
}

fn outputs(path: &str, content: &[u8]) -> Outputs {
    Outputs::default()
        .with("path", path)
        .with("sha256", sha256(content))
        .with("bytes", content.len())
}

fn sha256(content: &[u8]) -> String {
    digest::of_bytes(content).trim_start_matches("sha256:").to_owned()
}

fn mode(params: &Resolved) -> Result<u32, BrokerError> {
    let text = params::text(params, "mode")?.unwrap_or("0644");
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| invalid(format!("`{text}` is not a mode such as `0644`")))
}

fn is_there(place: &Path, path: &str) -> Result<bool, BrokerError> {
    path::stands(place, path, "a file", Metadata::is_file)
}

fn read(place: &Path, path: &str) -> Result<Option<Vec<u8>>, BrokerError> {
    if !is_there(place, path)? {
        return Ok(None);
    }
    fs::read(place).map(Some).map_err(|error| path::failed("read", path, &error))
}

// The permissions are set before the content has its name, so no one sees a secret in between. The
// draft has one name, so that what a crash left of it goes with the next write; it is made anew, so
// that nothing that was planted there is followed.
fn replace(place: &Path, folder: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let draft = draft_of(place);
    remove_draft(&draft)?;
    let written = write_draft(&draft, content, mode).and_then(|()| fs::rename(&draft, place));
    if written.is_err() {
        // The failure is what has to be told; a draft that stays goes with the next write.
        drop(remove_draft(&draft));
    }
    written?;
    sync_folder(folder)
}

fn write_draft(draft: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = private::open(fs::OpenOptions::new().write(true).create_new(true), draft)?;
    file.write_all(content)?;
    private::set_mode(&file, mode)?;
    file.sync_all()
}

fn draft_of(place: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".prov-draft");
    place.with_file_name(name)
}

fn remove_draft(draft: &Path) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{Desk, live_output, output};
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn desk() -> Desk {
        Desk::new(FileBroker::new)
    }

    fn hello() -> Value {
        json!({ "path": "a/b.txt", "content": "hello" })
    }

    #[tokio::test]
    async fn it_is_written_with_the_folders_above_it() {
        let desk = desk();
        let made = desk.create(hello()).await.unwrap();
        assert_eq!(desk.project.read("a/b.txt"), "hello");
        assert_eq!(made.instance_id, "a/b.txt");
        assert_eq!(output(&made, "path"), "a/b.txt");
        assert_eq!(output(&made, "sha256"), HELLO);
        assert_eq!(output(&made, "bytes"), 5);
        assert_eq!(desk.create(hello()).await.unwrap(), made, "twice is once");
    }

    #[tokio::test]
    async fn what_a_crash_left_of_a_write_goes_with_the_next() {
        let desk = desk();
        let draft = "a/.b.txt.prov-draft";
        desk.project.write(draft, "hel");
        let made = desk.create(hello()).await.unwrap();
        assert!(!desk.project.exists(draft));
        desk.project.write(draft, "hel");
        desk.delete(&made, hello()).await.unwrap();
        assert!(!desk.project.exists(draft));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn it_has_the_mode_whatever_the_umask() {
        use std::os::unix::fs::PermissionsExt as _;

        let desk = desk();
        for (mode, expected) in
            [(json!(null), 0o644), (json!("600"), 0o600), (json!("0666"), 0o666)]
        {
            desk.create(json!({ "path": "x", "content": "", "mode": mode })).await.unwrap();
            let found = fs::metadata(desk.project.path("x")).unwrap().permissions().mode();
            assert_eq!(found & 0o7777, expected);
        }
        for mode in ["", "999", "1777", "rw"] {
            let params = json!({ "path": "x", "content": "", "mode": mode });
            assert_eq!(desk.create(params).await.unwrap_err().kind, ErrorKind::Invalid);
        }
    }

    #[tokio::test]
    async fn a_change_behind_our_back_is_seen_and_undone() {
        let desk = desk();
        let made = desk.create(hello()).await.unwrap();
        assert_eq!(live_output(desk.fetch(&made, hello()).await.unwrap(), "sha256"), HELLO);

        desk.project.write("a/b.txt", "changed");
        let live = desk.fetch(&made, hello()).await.unwrap();
        assert_ne!(live_output(live.clone(), "sha256"), HELLO);
        assert_eq!(live_output(live, "bytes"), 7);

        desk.update(&made, hello(), hello()).await.unwrap();
        assert_eq!(desk.project.read("a/b.txt"), "hello");
    }

    #[tokio::test]
    async fn what_is_gone_is_absent_and_written_again() {
        let desk = desk();
        let made = desk.create(hello()).await.unwrap();
        desk.project.remove("a/b.txt");
        assert_eq!(desk.fetch(&made, hello()).await.unwrap(), None);
        assert_eq!(desk.update(&made, hello(), hello()).await.unwrap(), made);
    }

    #[tokio::test]
    async fn a_file_that_stands_there_already_is_found() {
        let desk = desk();
        assert_eq!(desk.find(hello()).await.unwrap(), None);
        desk.project.write("a/b.txt", "theirs");
        let live = desk.find(hello()).await.unwrap().unwrap();
        assert_eq!(live.instance_id, "a/b.txt");
        assert_eq!(live_output(Some(live), "bytes"), 6);
    }

    #[tokio::test]
    async fn removing_it_twice_is_fine() {
        let desk = desk();
        let made = desk.create(hello()).await.unwrap();
        desk.delete(&made, hello()).await.unwrap();
        assert!(!desk.project.exists("a/b.txt"));
        desk.delete(&made, hello()).await.unwrap();
    }

    #[tokio::test]
    async fn a_changed_one_goes_by_force_alone() {
        let desk = desk();
        let made = desk.create(hello()).await.unwrap();
        desk.project.write("a/b.txt", "precious");
        let error = desk.delete(&made, hello()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.help.unwrap().contains("--force"));
        assert!(desk.project.exists("a/b.txt"));
        desk.remove(&made, hello(), true).await.unwrap();
        assert!(!desk.project.exists("a/b.txt"));
    }

    #[tokio::test]
    async fn one_whose_record_was_lost_is_known_by_its_content() {
        let desk = desk();
        let mut made = desk.create(hello()).await.unwrap();
        made.outputs = Outputs::default();
        desk.delete(&made, hello()).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_in_its_place_is_a_conflict() {
        let desk = desk();
        desk.project.write("a/b.txt/c", "");
        for error in
            [desk.create(hello()).await.unwrap_err(), desk.find(hello()).await.unwrap_err()]
        {
            assert_eq!(error.kind, ErrorKind::Conflict);
            assert_eq!(error.message, "`a/b.txt` exists and is not a file");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_is_never_written_through() {
        let desk = desk();
        desk.project.write("other", "precious");
        desk.project.link("x", &desk.project.path("other"));
        let error = desk.create(json!({ "path": "x", "content": "" })).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert_eq!(desk.project.read("other"), "precious");
    }

    #[tokio::test]
    async fn a_path_outside_the_project_is_refused() {
        let error = desk().create(json!({ "path": "../x", "content": "" })).await.unwrap_err();
        assert!(error.help.unwrap().contains("--allow-outside"));
    }
}
