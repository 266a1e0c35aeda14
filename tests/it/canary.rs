//! Recognisable secrets go into every place that takes one, every command runs, and then they are
//! looked for in everything that was written, printed or started.

mod scene;
mod search;

use prov_test::{Output, Sandbox};

use crate::cloud::Cloud;
use scene::{cloud, project, secret};
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
        for line in [format!("{command} --json"), format!("{command} -vvv")] {
            let more = self.sandbox.run(&line);
            self.printed(more);
        }
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

#[test]
fn no_secret_is_anywhere_but_in_the_sink() {
    let mut hunt = Hunt::start();
    let stored = hunt.sandbox.feed(&["auth", "set", "bcme"], &secret("stored"));
    hunt.printed(stored).ok();
    hunt.run("plan --out saved.plan").ok();
    let first = hunt.sandbox.sh("PROV_LOG=trace prov apply").ok();
    hunt.learn();
    hunt.printed(first);
    for command in COMMANDS {
        hunt.run(command);
        hunt.files(&format!("after `prov {command}`"));
    }
    hunt.is_clean();
}

const COMMANDS: &[&str] = &["apply", "plan", "check", "status"];
