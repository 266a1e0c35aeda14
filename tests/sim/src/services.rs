//! The services of the provider in memory. Between them they have everything that the engine has to
//! cope with: journal only, asynchronous, both orders of replacement, unique names and paths, params
//! that cannot change in place, data, secrets, plans, and one that cannot look anything up.

use std::time::Duration;

use provision::broker::{
    Finding, OnChange, OutputSchema, Param, ParamType, Plans, ReplaceOrder, Service, Way,
};
use provision::name::Name;

/// A value that lives in the journal.
pub const VALUE: &str = "value";
/// A file: found by its path, made and changed at once.
pub const FILE: &str = "file";
/// A database: its name is unique, everything about it takes time, its region stays.
pub const DATABASE: &str = "database";
/// A token: any number may have one name, asking again under its key answers the same, and every change
/// rotates it.
pub const TOKEN: &str = "token";
/// A server: any number may have one name, and it is found by the tag that it carries.
pub const SERVER: &str = "server";
/// A mailbox: nobody can find out whether there is one.
pub const MAILBOX: &str = "mailbox";

/// A key that a provider remembers for an hour.
const KEY: Way = Way::Key { lifetime: Duration::from_secs(3_600) };

/// How long a change may be on its way.
pub const IN_FLIGHT: Duration = Duration::from_secs(1);

/// The services whose interrupted creations can be settled.
pub const FINDABLE: [&str; 5] = [VALUE, FILE, DATABASE, TOKEN, SERVER];
/// The services of which the provider itself makes one at most, whoever asks late. Not a token: who
/// comes late rotates it.
pub const UNIQUE: [&str; 3] = [VALUE, FILE, DATABASE];
/// Every service.
pub const ALL: [&str; 6] = [VALUE, FILE, DATABASE, TOKEN, SERVER, MAILBOX];

pub fn all() -> Vec<Service> {
    vec![
        Service {
            journal_only: true,
            in_flight: Duration::ZERO,
            outputs: vec![plain("id"), plain("copy")],
            ..service(VALUE, "value", &[])
        },
        Service {
            outputs: vec![plain("path"), plain("digest")],
            ..service(FILE, "file", &["path"])
        },
        Service {
            plans: Plans::Named(vec!["small", "large"]),
            outputs: vec![plain("id"), OutputSchema::secret("password", "A secret that stays.")],
            name_pattern: None,
            name_bounds: None,
            on_rename: OnChange::Replace,
            replace_order: ReplaceOrder::DeleteFirst,
            ..service(DATABASE, "database", &["region"])
        },
        Service {
            outputs: vec![
                plain("id"),
                plain("revision"),
                OutputSchema::secret("token", "A secret that every change rotates."),
            ],
            finding: Finding::By(vec![KEY, Way::Marker]),
            ..service(TOKEN, "token", &["scope"])
        },
        Service {
            outputs: vec![plain("id"), plain("address")],
            finding: Finding::By(vec![Way::Marker]),
            ..service(SERVER, "server", &["image"])
        },
        Service {
            outputs: vec![plain("id")],
            finding: Finding::Never,
            ..service(MAILBOX, "mailbox", &[])
        },
    ]
}

fn plain(key: &'static str) -> OutputSchema {
    OutputSchema::new(key, "An output.")
}

fn service(id: &str, kind: &str, fixed: &[&'static str]) -> Service {
    let content = Param::new("content", ParamType::Any, "What it is about.");
    let fixed = fixed
        .iter()
        .map(|name| Param::new(*name, ParamType::String, "Cannot change.").required().replaces());
    Service {
        id: Name::from(id),
        kind: Name::from(kind),
        description: "A service of the tests.".into(),
        plans: Plans::Named(Vec::new()),
        params: fixed.chain([content]).collect(),
        params_open: false,
        any_of: Vec::new(),
        outputs: Vec::new(),
        outputs_open: false,
        name_pattern: None,
        name_bounds: None,
        on_rename: OnChange::Update,
        replace_order: ReplaceOrder::CreateFirst,
        finding: Finding::By(vec![Way::Name]),
        find_with: None,
        journal_only: false,
        in_flight: IN_FLIGHT,
        deadline: Duration::from_secs(300),
        stateful: None,
        revision: Default::default(),
    }
}
