//! A project in a folder of its own, a cloud beside it, and the program that is run there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use prov_fake::model::{PROJECT, STAGE};
use prov_fake::scene::{Values, environment};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ask::ask;
use crate::cloud::{model, said};
use crate::items::{Item, Kind, SERVICES};
use crate::process::{Run, standing_in};
use prov_test::until;

/// The script that local things are made with.
const THING: &str = include_str!("thing.sh");

/// A project and its cloud.
pub struct Lane {
    folder: TempDir,
    prov: PathBuf,
    cloud: Option<Child>,
    pub ports: Vec<u16>,
    env: BTreeMap<String, String>,
}

/// How slow everything around prov is, in microseconds, and how many answers of a hundred get lost.
#[derive(Clone, Copy)]
pub struct Weather {
    pub before: u64,
    pub after: u64,
    pub lost: u64,
}

pub const CALM: Weather = Weather { before: 0, after: 0, lost: 0 };

impl Lane {
    /// An empty project with the providers of these services.
    pub fn new(prov: &Path, services: &[usize]) -> Self {
        let folder = tempfile::Builder::new().prefix("prov-kill-").tempdir().unwrap();
        for name in ["project", "home"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("project/thing.sh"), THING).unwrap();
        let mut env = BTreeMap::new();
        let mut lane = Self { folder, prov: prov.to_owned(), cloud: None, ports: Vec::new(), env };
        env = lane.plain_environment();
        if !services.is_empty() {
            lane.start_cloud(services);
        }
        for (service, port) in services.iter().zip(&lane.ports) {
            let url = format!("http://127.0.0.1:{port}");
            env.extend(environment(&model(SERVICES[*service].id), &url, Values::InEnvironment));
        }
        lane.env = env;
        lane
    }

    fn plain_environment(&self) -> BTreeMap<String, String> {
        let home = self.base().join("home").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let of = [("PATH", path), ("HOME", home.clone()), ("XDG_CONFIG_HOME", home)];
        of.map(|(name, value)| (name.to_owned(), value)).into()
    }

    fn start_cloud(&mut self, services: &[usize]) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("cloud").args(services.iter().map(|at| SERVICES[*at].id));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.ports = serde_json::from_str(&line).unwrap();
        self.cloud = Some(child);
    }

    fn base(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    pub fn root(&self) -> PathBuf {
        self.base().join("project")
    }

    /// One more variable of the program's environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// From now on this is declared, in the config and to the cloud.
    pub fn declare(&self, items: &[Item]) {
        let declared = items.iter().filter(|item| item.is_declared);
        let instances: Vec<Value> = declared.clone().map(Item::declaration).collect();
        let config = json!({ "project": PROJECT, "prune": true, "instances": instances });
        fs::write(self.root().join("prov.json"), format!("{config:#}")).unwrap();
        for item in declared {
            if let (Kind::Cloud { place, .. }, Some(wanted)) = (&item.kind, item.wanted()) {
                self.tell(*place, "POST /-/declare", &said(&wanted));
            }
        }
    }

    /// How the cloud behaves from now on.
    pub fn weather(&mut self, weather: Weather, seed: u64) {
        let Weather { before, after, lost } = weather;
        let body = json!({ "before": before, "after": after, "lost": lost, "seed": seed });
        for place in 0..self.ports.len() {
            self.tell(place, "POST /-/weather", &body);
        }
        let seconds =
            |micros: u64| format!("{:.6}", f64::from(u32::try_from(micros).unwrap()) / 1e6);
        self.set("THING_BEFORE", &seconds(before));
        self.set("THING_AFTER", &seconds(after));
    }

    pub fn tell(&self, place: usize, line: &str, body: &Value) -> Value {
        let (status, answer) = ask(self.ports[place], line, "", body).unwrap();
        assert_eq!(status, 200, "{line}");
        answer
    }

    /// Waits until nothing is under way any more, neither in the cloud nor in the project's folder.
    pub fn settle(&self) {
        for place in 0..self.ports.len() {
            until("the cloud is quiet", || self.tell(place, "GET /-/open", &Value::Null) == 0);
        }
        until("no process is left", || standing_in(&self.root()).is_empty());
    }

    /// Starts prov.
    pub fn start(&self, arguments: &str) -> Run {
        self.start_into(arguments, "said")
    }

    /// Starts prov; what it says is kept under this name.
    pub fn start_into(&self, arguments: &str, name: &str) -> Run {
        let mut command = Command::new(&self.prov);
        command.args(arguments.split_whitespace()).args(["--stage", STAGE]);
        command.env_clear().envs(&self.env).current_dir(self.root());
        Run::start(command, &self.base().join(name))
    }

    /// Runs prov to its end: its exit code and what it said.
    pub fn run(&self, arguments: &str) -> (Option<i32>, String) {
        let status = self.start(arguments).end();
        (status, self.said("said"))
    }

    /// What was said under a name.
    pub fn said(&self, name: &str) -> String {
        fs::read_to_string(self.base().join(name)).unwrap_or_default()
    }

    /// A file beside the journal.
    pub fn state_file(&self, ending: &str) -> PathBuf {
        self.root().join(format!(".prov/{STAGE}.{ending}"))
    }

    /// Every file of the project with its content, but for what its commands make, which may still be
    /// at work, and for what shows that they are.
    pub fn kept(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        gather(&self.root(), &mut found);
        let places = ["objects", "starting-", ".prov/running"].map(|name| self.root().join(name));
        let is_made = |file: &Path| {
            let text = file.as_os_str().as_encoded_bytes();
            places.iter().any(|place| text.starts_with(place.as_os_str().as_encoded_bytes()))
        };
        found.retain(|file, _| !is_made(file));
        found
    }
}

fn gather(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, found);
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(mut cloud) = self.cloud.take() {
            let _ = cloud.kill();
            let _ = cloud.wait();
        }
    }
}
