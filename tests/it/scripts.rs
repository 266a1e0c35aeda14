//! Runs every script of `tests/it/scripts`.

use prov_test::{files, script};

use crate::{here, sandbox, workspace};

macro_rules! scripts {
    ($($name:ident)*) => {
        const ALL: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

scripts! {
    careful
    damage
    disk
    drift
    failed_removal
    failed_step
    given
    gone
    history
    import
    inputs
    interrupt
    lock
    outside
    protected
    prune
    quickstart
    rename
    repair
    rollback
    rotate
    saved_plan
    sqlite
    stages
    state
    suluk
    terminated
    usage
}

fn check(name: &str) {
    let sandbox = sandbox();
    if name == "suluk" {
        files::copy(&workspace().join("tests/fixtures/oracle/suluk-project"), &sandbox.root());
    }
    script::check(&here().join("scripts").join(format!("{name}.txt")), &sandbox);
}

#[test]
fn every_script_is_run() {
    for entry in std::fs::read_dir(here().join("scripts")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let name = name.strip_suffix(".txt").unwrap_or(&name);
        assert!(ALL.contains(&name), "{name} is not in the list of scripts");
    }
}
