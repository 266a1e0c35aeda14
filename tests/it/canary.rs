//! Recognisable secrets go into every place that takes one, every command runs, and then they are
//! looked for in everything that was written, printed or started.

pub mod process;
mod scene;
mod search;

use std::process::Child;

use prov_test::{Output, Sandbox, say, until};
use rustix::process::Signal;

use crate::cloud::Cloud;
use scene::{CONFIG, GIVEN, cloud, project, secret};
use search::{Found, Search};

/// Files that hold secrets because that is their purpose.
const SINK: &str = "project/.env";

/// A project in use, and the search that goes along.
struct Hunt {
    sandbox: Sandbox,
    search: Search,
    _cloud: Cloud,
}

impl Hunt {
    fn start() -> Self {
        let cloud = cloud();
        let mut hunt =
            Self { sandbox: project(&cloud.url), search: scene::search(), _cloud: cloud };
        let identity = hunt.sandbox.sh("printf %s \"$PROV_AGE_IDENTITY\"").raw;
        hunt.search.add("identity", &identity, &[&identity[20..50]]);
        hunt
    }

    /// A project where everything was made.
    fn applied() -> Self {
        let mut hunt = Self::start();
        let stored = hunt.sandbox.feed(&["auth", "set", "bcme"], &secret("stored"));
        hunt.printed(stored).ok();
        hunt.run("plan --out saved.plan").ok();
        let first = hunt.sandbox.sh("PROV_LOG=trace prov apply").ok();
        hunt.learn();
        hunt.printed(first);
        let again = hunt.sandbox.run("apply").ok();
        assert!(again.raw.contains("Nothing to do"), "{again}");
        hunt
    }

    /// Searches what a command printed.
    fn printed(&mut self, output: Output) -> Output {
        let title = output.to_string();
        let title = title.lines().next().unwrap_or_default();
        self.search.look("printed", title, output.raw.as_bytes());
        output
    }

    /// Runs a command in every way that says more, and searches what it prints.
    fn run(&mut self, command: &str) -> Output {
        let output = self.sandbox.run(command);
        let json = self.sandbox.run(&format!("{command} --json"));
        self.printed(json);
        let traced = self.sandbox.sh(&format!("PROV_LOG=trace prov {command}"));
        self.printed(traced);
        self.printed(output)
    }

    /// Searches every file of the project and the home.
    fn files(&mut self, when: &str) {
        for (name, bytes) in self.sandbox.files().contents() {
            if name != SINK {
                self.search.look("file", &format!("{name} {when}"), bytes);
            }
        }
    }

    /// What a service makes is known only when it is made.
    fn learn(&mut self) {
        let made = self.sandbox.run("output made.value --show-sensitive").ok();
        let made = made.raw.trim().to_owned();
        assert_eq!(made.len(), 40, "{made}");
        self.search.add("made", &made, &[&made[..20], &made[20..]]);
    }

    #[track_caller]
    fn is_clean(&self) {
        assert_eq!(self.search.found, [] as [Found; 0]);
    }
}

/// What changes nothing, or as little as it can.
const COMMANDS: &[&str] = &[
    "validate",
    "apply",
    "plan",
    "plan --all --refresh",
    "plan --out next.plan",
    "apply next.plan",
    "check",
    "check --refresh",
    "status",
    "status --kind secret",
    "pull",
    "pull --discover",
    "pull --reconcile",
    "show made",
    "show thing",
    "show kept",
    "show tool",
    "show url",
    "output",
    "output thing.uri",
    "output url.list",
    "graph",
    "graph --format mermaid",
    "schema",
    "brokers",
    "broker show acme-thing --source",
    "broker lint",
    "broker test acme-thing --yes --name trial",
    "broker test bcme-thing --yes --name refused",
    "state list",
    "state show url",
    "state backup",
    "state backup backup.json",
    "state restore backup.json",
    "state repair",
    "state mv url address",
    "state mv address url",
    "secret rotate --all-stages --credentials",
    "generate --name first",
    "migrate",
    "doctor",
    "auth list --verify",
    "unlock",
    "import thing thing",
    "completions bash",
    "apply --stage dev",
    "teardown --stage dev --yes",
];

#[test]
fn no_command_shows_or_writes_a_secret() {
    let mut hunt = Hunt::applied();
    for command in COMMANDS {
        hunt.run(command);
        hunt.files(&format!("after `prov {command}`"));
    }
    hunt.run("teardown --yes");
    hunt.files("after teardown");
    hunt.is_clean();
    hunt.is_found_where_it_belongs();
    say(&hunt.report());
}

#[test]
fn no_failure_and_no_signal_shows_or_writes_a_secret() {
    let mut hunt = Hunt::applied();
    hunt.go_wrong();
    hunt.files("after failures");
    for signal in [Signal::INT, Signal::TERM, Signal::KILL, Signal::ABORT, Signal::SEGV] {
        hunt.cut_off(signal);
        hunt.files("after a signal");
        hunt.is_clean();
    }
    hunt.sandbox.run("apply").ok();
    hunt.sandbox.run("check").ok();
    say(&hunt.report());
}

impl Hunt {
    /// Runs that fail, with everything in the error that somebody can put there.
    fn go_wrong(&mut self) {
        let rename = |from: &str, to: &str| {
            CONFIG.replace(&format!("\nname = \"{from}\""), &format!("\nname = \"{to}\""))
        };
        for (from, to) in
            [("thing", "refused"), ("kept", "refused"), ("asked", "refused"), ("thing", "html")]
        {
            self.sandbox.file("prov.toml", rename(from, to));
            let failed = self.run("apply --yes --force");
            assert_eq!(failed.status, 3, "{failed}");
            self.run("plan");
            self.run("status");
            self.sandbox.file("prov.toml", CONFIG);
            self.run("apply --yes --force").ok();
        }
        self.sandbox.file("../fail", "").file(
            "prov.toml",
            CONFIG.replace("env = { TOKEN", "timeout = 100\nenv = { MORE = \"1\", TOKEN"),
        );
        let failed = self.run("apply");
        assert!(failed.raw.contains("bad (sensitive)"), "{failed}");
        self.run("pull");
        std::fs::remove_file(self.sandbox.root().join("../fail")).unwrap();
        let out = secret("execout");
        for wrong in [
            serde_json::json!({ "outputs": out }).to_string(),
            serde_json::json!({ "outputs": { "out": [out], "1": out }, "sensitive": out }).to_string(),
            serde_json::json!({ "state": "failed", "description": format!("no {out}"), "outputs": { "out": out } }).to_string(),
            format!("{out}: no JSON at all"),
        ] {
            self.sandbox.file("../wrong", wrong);
            self.run("apply");
            self.run("pull");
        }
        std::fs::remove_file(self.sandbox.root().join("../wrong")).unwrap();
        self.sandbox.file("prov.toml", CONFIG);
        self.sandbox.run("apply").ok();
    }

    /// Ends a run by a signal while it and a command it started hold secrets, and looks at both.
    fn cut_off(&mut self, signal: Signal) {
        self.sandbox.file("../hold", "");
        let number = signal.as_raw();
        let changed =
            CONFIG.replace("env = { TOKEN", &format!("env = {{ MORE = \"{number}\", TOKEN"));
        self.sandbox.file("prov.toml", changed);
        let mut shell = self.sandbox.command("sh");
        // A limit that would let a core be written, were it for the shell alone.
        shell.args(["-c", "ulimit -c unlimited 2>/dev/null; PROV_LOG=trace exec prov apply"]);
        let mut child = process::start(shell);
        let holding = self.sandbox.root().join("../holding");
        until("the command holds", || holding.exists() || child.try_wait().unwrap().is_some());
        let is_over = child.try_wait().unwrap().is_some();
        assert!(!is_over, "the run ended before the command held it");
        self.look_at_processes(&child);
        self.files("while it runs");
        process::signal(&child, signal).unwrap();
        if signal == Signal::SEGV {
            // Rust's own handler takes the first one, to tell a stack that overflowed.
            until("it ends", || {
                process::signal(&child, signal).is_err() || child.try_wait().unwrap().is_some()
            });
        }
        if signal == Signal::INT || signal == Signal::TERM {
            // The first asks it to end in good order, which it does when the command has ended.
            std::fs::remove_file(self.sandbox.root().join("../hold")).unwrap();
        }
        let (output, is_core) = process::end(child);
        assert!(!is_core, "a core was written after {signal:?}");
        assert_eq!(process::cores(&self.sandbox.root()), [""; 0], "{signal:?}");
        let printed = [output.stdout, output.stderr].concat();
        self.search.look("printed", &format!("until {signal:?}"), &printed);
        drop(std::fs::remove_file(self.sandbox.root().join("../hold")));
        std::fs::remove_file(holding).unwrap();
        self.run("status");
        self.run("plan");
        self.sandbox.file("prov.toml", CONFIG);
    }

    /// No process has a secret among its arguments, and those that prov started have only those in
    /// their environment that prov had, or that the config gave them.
    fn look_at_processes(&mut self, prov: &Child) {
        for (id, line) in process::every("cmdline") {
            self.search.look("arguments", &format!("of process {id}"), &line);
        }
        let started = process::below(prov.id());
        assert!(!started.is_empty(), "the command is no child of prov");
        for (id, environment) in process::every("environ") {
            if !started.contains(&id) {
                continue;
            }
            *self.search.places.entry("environment".to_owned()).or_default() += 1;
            let text = String::from_utf8_lossy(&environment);
            let has = |name: &str| text.contains(&secret(name));
            let known: Vec<&str> = GIVEN.into_iter().filter(|name| has(name)).collect();
            let inherited = ["token", "query", "param", "execenv", "execinput", "dburl", "var"];
            assert_eq!(known, inherited, "of process {id}");
        }
    }

    /// A hunt that finds nothing proves nothing: where secrets belong, each has to be found.
    fn is_found_where_it_belongs(&self) {
        self.sandbox.run("apply").ok();
        let mut names = Vec::new();
        for (line, from) in [
            ("cat .env", "the sink"),
            ("prov env --json", "printed when asked for"),
            ("prov output --show-sensitive --json", "printed when asked for"),
            ("prov run -- env", "the environment of a child"),
            ("env", "what was given"),
            ("cat ../reply.json", "what was given"),
        ] {
            let mut search = scene::search();
            let found = search.look(from, line, self.sandbox.sh(line).raw.as_bytes());
            assert!(found > 0, "nothing is found in {line}");
            names.extend(search.found.into_iter().map(|found| found.secret));
        }
        for name in GIVEN.iter().filter(|name| !["stored", "unread"].contains(name)) {
            assert!(names.iter().any(|found| found == name), "`{name}` was never found anywhere");
        }
    }

    fn report(&self) -> String {
        let (secrets, forms) = self.search.size();
        let Search { places, bytes, found, .. } = &self.search;
        let sum: usize = places.values().sum();
        format!(
            "{secrets} secrets in {forms} forms looked for in {sum} places ({places:?}), \
             {bytes} bytes: {} found",
            found.len()
        )
    }
}
