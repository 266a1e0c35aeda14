//! The same with Terraform, where it is installed: things that a `local-exec` provisioner makes, so
//! that there is a reality to compare its state with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Run, standing_in};
use crate::say;
use prov_test::until;

/// How many things a run makes that can be seen.
const THINGS: usize = 20;

/// The config: each thing is a file with a name of its own in the folder of its key. The others are in
/// the state alone, and make it as long as that of an estate.
const CONFIG: &str = r#"
resource "terraform_data" "other" {
  count = OTHERS
  input = count.index
}

resource "terraform_data" "thing" {
  for_each = toset([for number in range(THINGS) : tostring(number)])
  input    = each.key
  provisioner "local-exec" {
    command = "mkdir -p objects/${each.key}; echo x > objects/${each.key}/$$-$(date +%s%N)"
  }
}
"#;

/// What became of the killed runs.
#[derive(Default)]
struct Seen {
    kills: usize,
    /// The state cannot be read any more.
    damaged: usize,
    /// The state has no byte.
    empty: usize,
    /// The next plan offers to create everything, though something is there.
    forgotten: usize,
    /// The next plan offers to create something that is there.
    offered: usize,
    /// The next plain apply does not end with 0.
    failed: usize,
    /// Something is there twice after it.
    doubled: usize,
}

/// Kills it so often; answers whether it could be shown.
pub fn kill(kills: usize, others: usize, seed: u64) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) =
        std::env::split_paths(&path).map(|folder| folder.join("terraform")).find(|f| f.is_file())
    else {
        say("NOT PROVEN: what becomes of Terraform when it is killed: it is not installed");
        return false;
    };
    let folder = tempfile::tempdir().unwrap();
    let config =
        CONFIG.replace("THINGS", &THINGS.to_string()).replace("OTHERS", &others.to_string());
    fs::write(folder.path().join("main.tf"), config).unwrap();
    let terraform = Terraform { program, folder: folder.path().canonicalize().unwrap() };
    assert_eq!(terraform.run(&["init"]).0, Some(0), "terraform init");
    let length = terraform.length();
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut seen = Seen::default();
    while seen.kills < kills {
        terraform.clear();
        let run = terraform.start(&["apply", "-auto-approve"]);
        std::thread::sleep(length.mul_f64(chance.f64()));
        terraform.strike(run, &mut seen);
    }
    let Seen { kills, damaged, empty, forgotten, offered, failed, doubled } = seen;
    say(&format!(
        "Terraform, killed {kills} times while it made {THINGS} things and {others} others:"
    ));
    say(&format!("{damaged:6} of {kills} states cannot be read any more"));
    say(&format!("{empty:6} of {kills} states have no byte, and are taken for none"));
    say(&format!(
        "{forgotten:6} of {kills} plans offer to create everything, though part is there"
    ));
    say(&format!("{offered:6} of {kills} plans offer to create something that is there"));
    say(&format!("{failed:6} of {kills} next applies fail"));
    say(&format!("{doubled:6} of {kills} worlds hold something twice after the next apply"));
    true
}

struct Terraform {
    program: PathBuf,
    folder: PathBuf,
}

impl Terraform {
    fn start(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(&self.program);
        command.args(arguments).args(["-input=false", "-no-color"]).current_dir(&self.folder);
        command.env_remove("TF_CLI_CONFIG_FILE").env("CHECKPOINT_DISABLE", "1");
        Run::start(command, &self.folder.join("said"))
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let status = self.start(arguments).end();
        (status, fs::read_to_string(self.folder.join("said")).unwrap_or_default())
    }

    /// How long a run takes that nobody kills.
    fn length(&self) -> Duration {
        let begun = Instant::now();
        let (status, said) = self.run(&["apply", "-auto-approve"]);
        assert_eq!(status, Some(0), "{said}");
        begun.elapsed()
    }

    fn clear(&self) {
        for name in
            ["terraform.tfstate", "terraform.tfstate.backup", ".terraform.tfstate.lock.info"]
        {
            let _ = fs::remove_file(self.folder.join(name));
        }
        let _ = fs::remove_dir_all(self.folder.join("objects"));
    }

    fn strike(&self, mut run: Run, seen: &mut Seen) {
        if run.is_over() {
            return;
        }
        run.send(Signal::KILL);
        run.end();
        until("its provisioners are over", || standing_in(&self.folder).is_empty());
        seen.kills += 1;
        let there = objects(&self.folder);
        let state = fs::read(self.folder.join("terraform.tfstate"));
        seen.empty += usize::from(state.is_ok_and(|bytes| bytes.is_empty()));
        let (status, said) = self.run(&["plan", "-json"]);
        if status == Some(0) {
            let offered = created(&said);
            let again = offered.iter().filter(|key| there.iter().any(|(name, _)| name == *key));
            let again = again.count();
            seen.offered += usize::from(again > 0);
            seen.forgotten += usize::from(again > 0 && offered.len() == THINGS);
        } else {
            seen.damaged += 1;
        }
        let (status, _) = self.run(&["apply", "-auto-approve"]);
        seen.failed += usize::from(status != Some(0));
        let is_double = objects(&self.folder).iter().any(|(_, count)| *count > 1);
        seen.doubled += usize::from(is_double);
    }
}

/// The keys that a plan would create, and nothing else is done to.
fn created(plan: &str) -> Vec<String> {
    let lines = plan.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let key = |line: Value| {
        let change = &line["change"];
        let is_creation = line["type"] == "planned_change" && change["action"] == "create";
        let is_thing = change["resource"]["resource_name"] == "thing";
        (is_creation && is_thing)
            .then(|| change["resource"]["resource_key"].as_str().map(str::to_owned))?
    };
    lines.filter_map(key).collect()
}

/// What is there: each key and how often.
fn objects(folder: &Path) -> Vec<(String, usize)> {
    let entries = fs::read_dir(folder.join("objects")).into_iter().flatten().flatten();
    let count = |entry: fs::DirEntry| {
        let count = fs::read_dir(entry.path()).into_iter().flatten().count();
        (entry.file_name().to_string_lossy().into_owned(), count)
    };
    entries.map(count).collect()
}
