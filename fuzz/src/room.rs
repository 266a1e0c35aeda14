//! What the engine needs to make a plan of what was read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use provision::broker::Catalog;
use provision::config::{Desired, Document, Rules, Scope};
use provision::diagnostic::Diagnostics;
use provision::name::Name;
use provision::plan::{self, Input, Options, Plan};
use provision::state::Journal;

/// The services of this machine. None of them is asked for anything.
pub(crate) static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let settings =
        brokers::local::Settings { root: PathBuf::from("/nowhere"), allow_outside: false };
    Catalog::new(brokers::local(&settings))
});

/// The scope of every input: a stage, a variable given from outside, an environment.
pub(crate) fn scope() -> Scope {
    let env = [("HOME", "/home/somebody"), ("EMPTY", ""), ("ODD", "@a.b ${x}")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Scope { stage: "default".to_owned(), vars: BTreeMap::new(), env: BTreeMap::from(env) }
}

/// What a config wants, or problems.
pub(crate) fn desired(document: &Document, problems: &mut Diagnostics) -> Option<Desired> {
    document.desired(scope(), &CATALOG, Rules::default(), problems)
}

/// A journal with nothing in it.
pub(crate) fn empty_journal() -> Journal {
    Journal::empty(Name::from("shop"), Name::from("default"))
}

/// The plan from a journal to what is wanted, which is the same each time it is made.
pub(crate) fn plan(desired: &Desired, journal: &Journal, options: &Options) -> Plan {
    let input = Input { desired, journal, catalog: &CATALOG, options };
    let plan = plan::plan(input);
    assert_eq!(format!("{plan:?}"), format!("{:?}", plan::plan(input)), "another plan");
    plan
}

/// No step of a plan is wrong, whatever it was made from.
pub(crate) fn check_plan(plan: &Plan) {
    let wrong: Vec<_> = plan.problems.iter().filter(|p| p.code == "plan-check").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
