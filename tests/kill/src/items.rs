//! What can be declared: an item is one instance in all its forms, and says what reality has to hold
//! for it.

use prov_fake::model::{Model, Wanted};
use serde_json::{Value, json};

/// A service of the catalogue, with a param that changes in place and one that replaces.
pub struct Service {
    pub id: &'static str,
    change: Option<Two>,
    replace: Option<Two>,
    /// An output that others may read.
    output: &'static str,
}

/// A param and two of its values, as JSON.
type Two = (&'static str, [&'static str; 2]);

/// One service a provider, since a provider is asked at one address. Each is found again in another
/// way: by a name that is unique, by one that is not, by a mark, by what it holds.
pub const SERVICES: [Service; 9] = [
    Service {
        id: "cloudflare-r2",
        change: Some(("storage_class", [r#""Standard""#, r#""InfrequentAccess""#])),
        replace: Some(("location_hint", [r#""weur""#, r#""eeur""#])),
        output: "bucket_name",
    },
    Service {
        id: "neon-project",
        change: Some(("history_retention_seconds", ["86400", "172800"])),
        replace: Some(("pg_version", ["17", "16"])),
        output: "id",
    },
    Service {
        id: "hetzner-firewall",
        change: Some(("labels", [r#"{"team":"web"}"#, r#"{"team":"ops"}"#])),
        replace: None,
        output: "id",
    },
    Service {
        id: "digitalocean-ssh-key",
        change: None,
        replace: Some((
            "public_key",
            [
                r#""ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1yJm5wYzVqV0h0dG5mS1pXcGQxT0h2cXJ5bFZ4 one@x""#,
                r#""ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1yJm5wYzVqV0h0dG5mS1pXcGQxT0h2cXJ5bFZ5 two@x""#,
            ],
        )),
        output: "fingerprint",
    },
    Service {
        id: "github-repository",
        change: Some(("description", [r#""The shop.""#, r#""The front of the shop.""#])),
        replace: None,
        output: "full_name",
    },
    Service {
        id: "stripe-product",
        change: Some(("description", [r#""Everything.""#, r#""Everything a team needs.""#])),
        replace: None,
        output: "product_id",
    },
    Service {
        id: "turso-group",
        change: None,
        replace: Some(("location", [r#""aws-eu-west-1""#, r#""aws-us-east-1""#])),
        output: "name",
    },
    Service {
        id: "vercel-project",
        change: Some(("build_command", [r#""npm run build""#, r#""npm run make""#])),
        replace: None,
        output: "id",
    },
    Service {
        id: "vultr-domain",
        change: Some(("dns_sec", [r#""disabled""#, r#""enabled""#])),
        replace: None,
        output: "domain",
    },
];

/// What an instance is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// At the provider of this place in the cloud.
    Cloud {
        place: usize,
        service: usize,
        example: Wanted,
    },
    /// Made by a script that keeps it under an id of its own each time it is asked.
    Exec,
    /// The same, in progress for a while.
    Slow,
    File,
    Sqlite,
    Bucket,
    Secret,
}

/// An instance and how it is declared now.
#[derive(Clone, Debug)]
pub struct Item {
    pub reference: String,
    pub kind: Kind,
    pub is_declared: bool,
    /// Which of the two values the param that changes in place has.
    version: usize,
    /// Which of the two the param that replaces has.
    generation: usize,
    /// The ref of another item whose output is read.
    reads: Option<(String, &'static str)>,
}

impl Item {
    pub fn new(reference: String, kind: Kind, reads: Option<&Self>) -> Self {
        let reads = reads.map(|read| (read.reference.clone(), read.output()));
        Self { reference, kind, is_declared: true, version: 0, generation: 0, reads }
    }

    /// The item of a service whose provider is the one at `place`.
    pub fn at_cloud(place: usize, service: usize) -> Self {
        let model: Model = crate::cloud::model(SERVICES[service].id);
        let reference = format!("at{place}");
        let mut example = Wanted { reference: reference.clone(), ..model.example.clone() };
        // What is secret would have to come from elsewhere, and is not what is looked at here.
        let is_plain =
            |key: &str| model.manifest.service.param(key).is_some_and(|rule| !rule.param.sensitive);
        example.params.retain(|key, _| is_plain(key));
        Self::new(reference, Kind::Cloud { place, service, example }, None)
    }

    /// An output that others may read.
    fn output(&self) -> &'static str {
        match &self.kind {
            Kind::Exec | Kind::Slow => "address",
            Kind::File => "sha256",
            Kind::Sqlite | Kind::Bucket => "path",
            Kind::Secret => "value",
            Kind::Cloud { service, .. } => SERVICES[*service].output,
        }
    }

    /// Changes it in place, where it can be; answers whether it did.
    pub fn change(&mut self) -> bool {
        let can = match &self.kind {
            Kind::Cloud { service, .. } => SERVICES[*service].change.is_some(),
            Kind::Exec | Kind::Slow | Kind::File => true,
            Kind::Sqlite | Kind::Bucket | Kind::Secret => false,
        };
        self.version ^= usize::from(can);
        can
    }

    /// Makes another one of it, where it can be; answers whether it did.
    pub fn replace(&mut self) -> bool {
        let can = match &self.kind {
            Kind::Cloud { service, .. } => SERVICES[*service].replace.is_some(),
            Kind::File | Kind::Secret | Kind::Bucket => true,
            Kind::Exec | Kind::Slow | Kind::Sqlite => false,
        };
        self.generation ^= usize::from(can);
        can
    }

    /// As it is declared at a provider.
    pub fn wanted(&self) -> Option<Wanted> {
        let Kind::Cloud { service, example, .. } = &self.kind else { return None };
        let mut wanted = example.clone();
        let (service, set) = (&SERVICES[*service], &mut wanted.params);
        for (two, at) in [(&service.change, self.version), (&service.replace, self.generation)] {
            let Some((param, values)) = two else { continue };
            set.insert((*param).to_owned(), serde_json::from_str(values[at]).unwrap());
        }
        Some(wanted)
    }

    /// How it is declared, if it is.
    pub fn state(&self) -> (bool, usize, usize) {
        (self.is_declared, self.version, self.generation)
    }

    /// The params that are edited here.
    pub fn edited(&self) -> Vec<&'static str> {
        let Kind::Cloud { service, .. } = &self.kind else { return Vec::new() };
        let (change, replace) = (&SERVICES[*service].change, &SERVICES[*service].replace);
        change.iter().chain(replace).map(|(param, _)| *param).collect()
    }

    /// The path of what stands in the project's folder for it.
    pub fn path(&self) -> String {
        match self.kind {
            Kind::Exec | Kind::Slow => format!("objects/{}", self.reference),
            _ => format!("out/{}.{}", self.reference, self.generation),
        }
    }

    /// Its text, where it has one. What it reads is behind it.
    pub fn content(&self) -> String {
        format!("version {} ", self.version)
    }

    /// Its table in the config.
    pub fn declaration(&self) -> Value {
        let reference = &self.reference;
        let text = match &self.reads {
            Some((other, output)) => format!("{}${{{other}.{output}}}", self.content()),
            None => self.content(),
        };
        let path = self.path();
        let (service, name, params) = match &self.kind {
            Kind::Cloud { service, .. } => {
                let wanted = self.wanted().unwrap();
                (SERVICES[*service].id, wanted.name, Value::Object(wanted.params))
            }
            Kind::Exec => ("local-exec", reference.clone(), script("thing", &text)),
            Kind::Slow => ("local-exec", reference.clone(), script("slow", &text)),
            Kind::File => {
                ("local-file", reference.clone(), json!({ "path": path, "content": text }))
            }
            Kind::Sqlite => {
                let migrations = json!([{ "name": "0001", "sql": "CREATE TABLE t (x)" }]);
                let params = json!({ "path": path, "migrations": migrations });
                ("local-sqlite", reference.clone(), params)
            }
            Kind::Bucket => ("local-bucket", reference.clone(), json!({ "path": path })),
            Kind::Secret => {
                ("local-secret", reference.clone(), json!({ "rotate": self.generation }))
            }
        };
        json!({
            "ref": reference, "service": service, "name": name, "params": params,
            "protected": false,
        })
    }

    /// Whether a reader of it is declared.
    pub fn is_read_by(&self, other: &Self) -> bool {
        other.is_declared && other.reads.as_ref().is_some_and(|(read, _)| *read == self.reference)
    }

    /// Whether everything it reads is declared.
    pub fn can_be_declared(&self, all: &[Self]) -> bool {
        let is_there =
            |read: &str| all.iter().any(|other| other.reference == read && other.is_declared);
        self.reads.as_ref().is_none_or(|(read, _)| is_there(read))
    }
}

fn script(name: &str, text: &str) -> Value {
    let verb = |verb: &str| json!(["sh", "thing.sh", name, verb]);
    json!({
        "create": verb("create"), "read": verb("read"), "update": verb("update"),
        "delete": verb("delete"), "find": verb("find"), "input": { "text": text },
    })
}
