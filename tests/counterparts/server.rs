//! `emulate`: servers that keep what was made, as Vercel, GitHub and Stripe do; and mitmproxy before
//! them, which breaks what passes.

use std::net::SocketAddr;
use std::process::Command;

use prov_test::Sandbox;
use serde_json::Value;
use tempfile::TempDir;

use crate::between::{BROKEN, Between, Passed};
use crate::part::{Counterparts, Part, node_22};
use crate::wire::Message;

/// What an emulated provider is told of at its start.
const SEED: &str = "\
tokens:
  test_token_admin:
    login: admin
    scopes: [repo, user, 'admin:org', delete_repo]
github:
  users:
    - login: admin
      name: Admin
  orgs:
    - login: acme
      name: Acme
      members:
        - login: admin
          role: admin
";

/// A provider that can be emulated.
#[derive(Clone, Copy)]
pub struct Provider {
    /// Its name in `emulate`.
    pub name: &'static str,
    /// The variable of its base URL.
    pub url: &'static str,
    /// The variable of its credential, and the credential.
    pub credential: (&'static str, &'static str),
}

pub const GITHUB: Provider = Provider {
    name: "github",
    url: "GITHUB_API_URL",
    credential: ("GITHUB_TOKEN", "test_token_admin"),
};

pub const VERCEL: Provider = Provider {
    name: "vercel",
    url: "VERCEL_API_URL",
    credential: ("VERCEL_TOKEN", "test_token_admin"),
};

pub const STRIPE: Provider = Provider {
    name: "stripe",
    url: "STRIPE_API_BASE",
    credential: ("STRIPE_API_KEY", "sk_test_emulated"),
};

/// A provider's emulator.
pub struct Emulator {
    provider: Provider,
    part: Part,
    _seed: TempDir,
}

impl Emulator {
    pub fn start(parts: &Counterparts, provider: Provider) -> Result<Self, String> {
        let node = node_22(parts)?;
        let emulate = parts.installed("emulate/node_modules/.bin/emulate", "emulate")?;
        let seed = tempfile::tempdir().map_err(|error| error.to_string())?;
        let file = seed.path().join("seed.yaml");
        std::fs::write(&file, SEED).map_err(|error| error.to_string())?;
        let part = Part::start("emulate", |port| {
            let mut command = Command::new(node);
            command.arg(emulate).args(["start", "-p", &port.to_string(), "--host", "127.0.0.1"]);
            command.args(["-s", provider.name, "--seed"]).arg(&file).current_dir(seed.path());
            command
        })?;
        Ok(Self { provider, part, _seed: seed })
    }

    /// A project that speaks to it, or to what stands before it.
    pub fn sandbox(&self, before: Option<&Faults>) -> Sandbox {
        let address = before.map_or(self.part.address, Faults::address);
        let (variable, credential) = self.provider.credential;
        Sandbox::new(env!("CARGO_BIN_EXE_prov"))
            .env(self.provider.url, &format!("http://{address}"))
            .env(variable, credential)
    }

    /// What it shows, without prov.
    pub fn show(&self, target: &str) -> (u16, Value) {
        let request = Message::request("GET", target)
            .with("authorization", &format!("Bearer {}", self.provider.credential.1));
        let answer = request.send(self.part.address).unwrap();
        (answer.status(), answer.json())
    }
}

/// Something that breaks what passes between prov and an emulator.
pub struct Faults {
    _part: Part,
    between: Between,
}

impl Faults {
    /// Breaks what `rules` say, see `faults.py`.
    pub fn before(parts: &Counterparts, emulator: &Emulator, rules: &str) -> Result<Self, String> {
        let mitm = parts.installed("py/mitm/bin/mitmdump", "mitm")?;
        let upstream = format!("reverse:http://{}", emulator.part.address);
        let part = Part::start("mitmdump", |port| {
            let mut command = Command::new(mitm);
            command.args(["-q", "--listen-host", "127.0.0.1", "-p", &port.to_string()]);
            command.args(["--mode", &upstream, "-s"]).arg(parts.scripts.join("faults.py"));
            command.args(["--set", &format!("faults={rules}")]);
            command
        })?;
        let between = Between::new(part.address);
        Ok(Self { _part: part, between })
    }

    fn address(&self) -> SocketAddr {
        self.between.address
    }

    /// How many answers to requests that begin so were broken on the way.
    pub fn broken(&self, request: &str) -> usize {
        let is_broken = |passed: &Passed| {
            let answer = &passed.answer;
            let is_said = answer.json() != Value::Null || answer.body.is_empty();
            matches!(answer.status(), BROKEN | 429 | 503) || !is_said
        };
        let passed = self.between.take().into_iter();
        passed.filter(|one| one.request.start.starts_with(request) && is_broken(one)).count()
    }
}
