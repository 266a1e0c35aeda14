//! The same at a server that nobody here wrote, and behind a proxy that loses the answer to every
//! creation after the work was done.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::ask::ask;
use crate::lane::Lane;
use crate::moment::{Moment, phase, serial};
use crate::part::{Counterparts, Part, node_22};
use crate::process::standing_in;
use crate::say;
use crate::tally::Tally;
use prov_test::until;

/// The credential that the server takes.
const TOKEN: &str = "test_token_admin";

/// How long a run takes about, through the proxy.
const LENGTH: Duration = Duration::from_millis(400);

/// The server, and the proxy before it.
struct Emulator {
    server: Part,
    proxy: Part,
    _folder: tempfile::TempDir,
}

impl Emulator {
    fn start() -> Result<Self, String> {
        let parts = Counterparts::find()?;
        let (node, emulate) =
            (node_22(&parts)?, parts.installed("emulate/node_modules/.bin/emulate", "emulate")?);
        let mitm = parts.installed("py/mitm/bin/mitmdump", "mitm")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let server = Part::start("emulate", |port| {
            let mut command = Command::new(node);
            command.arg(emulate).args(["start", "-p", &port.to_string(), "--host", "127.0.0.1"]);
            command.args(["-s", "vercel"]).current_dir(folder.path());
            command
        })?;
        let proxy = Part::start("mitmdump", |port| {
            let mut command = Command::new(mitm);
            let upstream = format!("reverse:http://{}", server.address);
            command.args(["-q", "--listen-host", "127.0.0.1", "-p", &port.to_string()]);
            command.args(["--mode", &upstream, "-s"]).arg(parts.scripts.join("faults.py"));
            command.args(["--set", "faults=POST /v11/projects:drop-response:1000000"]);
            command
        })?;
        Ok(Self { server, proxy, _folder: folder })
    }

    /// The names of what is there and begins so.
    fn named(&self, begin: &str) -> Vec<String> {
        let headers = format!("authorization: Bearer {TOKEN}\r\n");
        let port = self.server.address.port();
        let (_, answer) = ask(port, "GET /v10/projects?limit=100", &headers, &Value::Null).unwrap();
        let all = answer["projects"].as_array().cloned().unwrap_or_default();
        let names = all.iter().filter_map(|one| one["name"].as_str());
        names.filter(|name| name.starts_with(begin)).map(str::to_owned).collect()
    }
}

/// Kills prov so often there; says why not, when it cannot be shown.
pub fn kill(prov: &Path, kills: usize, seed: u64) -> Option<Tally> {
    let emulator = match Emulator::start() {
        Ok(emulator) => emulator,
        Err(why) => {
            say(&format!("NOT PROVEN: that nothing is lost at emulate: {why}"));
            return None;
        }
    };
    let mut tally = Tally::default();
    let mut chance = fastrand::Rng::with_seed(seed);
    while tally.kills < kills && tally.failures.is_empty() {
        live(&emulator, (&prov.to_owned(), tally.projects), &mut chance, &mut tally);
    }
    tally.failures.iter().for_each(|failure| say(failure));
    Some(tally)
}

/// Three projects at the server, made under kills, and destroyed under kills.
fn live(
    emulator: &Emulator,
    (prov, number): (&PathBuf, usize),
    chance: &mut fastrand::Rng,
    tally: &mut Tally,
) {
    tally.projects += 1;
    let mut lane = Lane::new(prov, &[]);
    lane.set("VERCEL_TOKEN", TOKEN);
    let begin = format!("shop-{number}-");
    let names: Vec<String> = ["a", "b", "c"].iter().map(|end| format!("{begin}{end}")).collect();
    let instance =
        |name: &String| json!({ "ref": name, "service": "vercel-project", "name": name });
    let instances: Vec<Value> = names.iter().map(instance).collect();
    let config = json!({ "project": "shop", "instances": instances });
    std::fs::write(lane.root().join("prov.json"), config.to_string()).unwrap();
    for (command, expected) in [("apply --yes", names.as_slice()), ("teardown --yes --force", &[])]
    {
        lane.set("VERCEL_API_URL", &format!("http://{}", emulator.proxy.address));
        for _ in 0..chance.usize(1..=3) {
            strike(&lane, command, chance, tally);
        }
        lane.set("VERCEL_API_URL", &format!("http://{}", emulator.server.address));
        let (status, said) = lane.run(command);
        tally.runs += 1;
        tally.mended += 1;
        let mut there = emulator.named(&begin);
        there.sort();
        tally.duplicates += there.len().saturating_sub(expected.len());
        tally.missing += expected.len().saturating_sub(there.len());
        if status != Some(0) || there != expected {
            let failure =
                format!("`prov {command}` ended with {status:?}, {there:?} is there:\n{said}");
            tally.failures.push(format!("emulate: {failure}"));
            return;
        }
    }
}

fn strike(lane: &Lane, command: &str, chance: &mut fastrand::Rng, tally: &mut Tally) {
    let moment = Moment::draw(chance, LENGTH);
    let before = serial(lane);
    let mut run = lane.start(command);
    tally.runs += 1;
    if !moment.wait(lane, &mut run) {
        tally.missed += 1;
        run.end();
        return;
    }
    run.send(Signal::KILL);
    run.end();
    until("no process is left", || standing_in(&lane.root()).is_empty());
    tally.kills += 1;
    *tally.phases.entry(phase(lane, before)).or_default() += 1;
}
