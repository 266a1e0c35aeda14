//! A secret is where it was asked for, and nowhere else.

use prov_test::Sandbox;

use crate::sandbox;

/// A secret, what is made of it, and a command that sees it and complains.
const CONFIG: &str = r#"
[[instances]]
ref = "secret"
service = "local-secret"
name = "secret"
params = { length = 40, alphabet = "hex" }
bind = { value = "THE_SECRET" }

[[instances]]
ref = "user"
service = "local-value"
name = "user"
params = { token = "@secret.value", url = "https://x:${secret.value}@host", deep = { k = ["@secret.value"] } }

[[instances]]
ref = "again"
service = "local-value"
name = "again"
params = { copy = "@user.token", plain = "@user.name" }

[[instances]]
ref = "tool"
service = "local-exec"
name = "tool"
bind = { answer = "ANSWER" }

[instances.params]
create = ["sh", "tool.sh"]
read = ["sh", "tool.sh"]
update = ["sh", "tool.sh"]
delete = ["true"]
input = { token = "@again.copy" }
env = { TOKEN = "${secret.value}" }
"#;

/// It keeps what it was told and what the log says meanwhile, and fails while `broken` is there.
const TOOL: &str = r#"
mkdir -p seen; cp -r .prov/. seen/; cat > question
if [ -e broken ]; then echo "bad token $TOKEN" >&2; exit 1; fi
echo '{"id": "tool-1", "outputs": {"answer": 42}}'
"#;

/// A project that was applied; answers the secret, too.
fn applied() -> (Sandbox, String) {
    let sandbox = sandbox();
    sandbox.file("prov.toml", CONFIG).file("tool.sh", TOOL).file("broken", "");
    let failed = sandbox.run("apply").exits(3);
    let secret = secret(&sandbox);
    assert!(failed.stderr.contains("bad token (sensitive)"), "{failed}");
    assert!(!failed.raw.contains(&secret), "a failed command's complaint\n{failed}");
    std::fs::remove_file(sandbox.root().join("broken")).unwrap();
    let done = sandbox.run("apply -vv").ok();
    assert!(!done.raw.contains(&secret), "{done}");
    (sandbox, secret)
}

/// The secret, as the sink has it.
fn secret(sandbox: &Sandbox) -> String {
    let env = sandbox.read(".env");
    let line = env.lines().find_map(|line| line.strip_prefix("THE_SECRET=")).unwrap();
    assert_eq!(line.len(), 40, "{env}");
    line.to_owned()
}

#[test]
fn a_secret_is_in_no_file_but_the_sink() {
    let (sandbox, secret) = applied();
    for command in
        ["generate", "migrate", "plan --out saved.plan", "state backup backup.json", "pull"]
    {
        sandbox.run(command).ok();
    }
    sandbox.sh("sed -i 's/length = 40/length = 48/' prov.toml; prov plan --out next.plan").ok();
    sandbox.sh("prov generate --name longer").ok();
    let known = ["project/.env", "project/question"];
    assert_eq!(sandbox.files().holding(&secret), known, "only the sink and the command's own copy");
    assert!(sandbox.has("seen/default.log.jsonl"), "the command saw no log");
}

#[test]
fn a_secret_is_printed_only_when_it_is_asked_for() {
    let (sandbox, secret) = applied();
    for command in [
        "plan",
        "plan --all",
        "check",
        "status",
        "show secret",
        "show user",
        "show again",
        "show tool",
        "pull",
        "output",
        "output secret.value",
        "output user.url",
        "graph",
        "schema",
        "state list",
        "state show user",
        "state backup",
        "generate --dry-run",
        "generate",
        "migrate",
        "teardown",
        "validate",
        "apply",
    ] {
        for command in [command.to_owned(), format!("{command} --json"), format!("{command} -vvv")]
        {
            let output = sandbox.run(&command);
            assert!(!output.raw.contains(&secret), "`prov {command}`\n{output}");
        }
    }
    for command in ["env", "env --json", "output --show-sensitive", "run -- env"] {
        let output = sandbox.run(command).ok();
        assert!(output.raw.contains(&secret), "`prov {command}`\n{output}");
    }
}

#[test]
fn what_is_made_of_a_secret_is_one() {
    let (sandbox, secret) = applied();
    let outputs = &sandbox.run("output --json").ok().json()["outputs"];
    for (reference, key) in
        [("user", "token"), ("user", "url"), ("user", "deep"), ("again", "copy")]
    {
        assert_eq!(outputs[reference][key], "(sensitive)", "{reference}.{key}");
    }
    assert_eq!(outputs["again"]["plain"], "user", "what is not made of it is none");
    let clear = sandbox.run("output again.copy --show-sensitive").ok();
    assert_eq!(clear.raw.trim(), secret);
}

#[test]
fn a_secret_is_made_once() {
    let (sandbox, secret) = applied();
    sandbox.file("prov.toml", CONFIG.replace("name = \"user\"", "name = \"other\""));
    sandbox.run("apply").ok();
    assert_eq!(self::secret(&sandbox), secret);
    let rotated = CONFIG.replace("length = 40", "length = 40, rotate = 1");
    sandbox.file("prov.toml", rotated);
    sandbox.run("apply --yes").ok();
    assert_ne!(self::secret(&sandbox), secret);
}

#[test]
fn the_identity_is_the_users_own_and_can_be_given() {
    let (sandbox, secret) = applied();
    let file = "home/.config/prov/identity.txt";
    assert_eq!(sandbox.files().mode(file), Some(0o600));
    let identity = sandbox.home().join(".config/prov/identity.txt");
    let text = std::fs::read_to_string(&identity).unwrap();
    let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap().to_owned();
    let elsewhere = sandbox.home().join("elsewhere.txt");
    std::fs::rename(&identity, &elsewhere).unwrap();

    let refused = sandbox.run("env").exits(1);
    assert!(refused.stderr.contains("PROV_AGE_IDENTITY"), "{refused}");
    assert!(!identity.exists(), "looking makes no identity");
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &elsewhere.display().to_string());
    assert!(sandbox.run("env").ok().raw.contains(&secret));
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", &key);
    assert!(sandbox.run("env").ok().raw.contains(&secret));
    sandbox.run("check").ok();
    let sandbox = sandbox.env("PROV_AGE_IDENTITY", "nowhere.txt");
    sandbox.run("env").exits(1);
}

/// What is sealed for a team opens for each of it, and for nobody else.
#[test]
fn recipients_share_a_secret() {
    let (one, _) = applied();
    let identity = std::fs::read_to_string(one.home().join(".config/prov/identity.txt")).unwrap();
    let key = |start: &str| {
        identity.lines().find_map(|line| line.strip_prefix(start)).unwrap().trim().to_owned()
    };
    let team = sandbox();
    let recipient = key("# public key:");
    let recipients = format!("recipients = ['{recipient}']\n{CONFIG}");
    team.file("prov.toml", recipients).file("tool.sh", TOOL);
    let refused = team.run("apply");
    assert!(
        [1, 3].contains(&refused.status),
        "sealed for another, so it cannot be read\n{refused}"
    );
    let secret_key = format!("AGE-SECRET-KEY-{}", key("AGE-SECRET-KEY-"));
    let team = team.env("PROV_AGE_IDENTITY", &secret_key);
    team.run("apply").ok();
    team.run("check").ok();
    assert_eq!(secret(&team).len(), 40);
    let bad = sandbox();
    bad.file("prov.toml", "recipients = ['age1nonsense']\ninstances = []\n");
    bad.run("plan").exits(1);
}

/// What comes from the environment is a secret as well: nobody knows that it is none.
#[test]
fn a_value_of_the_environment_is_one() {
    let value = "hunter2-hunter2";
    let sandbox = sandbox().env("TOKEN_OF_MINE", value);
    sandbox.file(
        "prov.toml",
        "[[instances]]\nref = 'a'\nservice = 'local-value'\nname = 'a'\n\
         params = { token = '${env.TOKEN_OF_MINE}', text = 'x ${env.TOKEN_OF_MINE} y' }\n\n\
         [[instances]]\nref = 'b'\nservice = 'local-value'\nname = 'b'\n\
         params = { from = '@a.text' }\n",
    );
    for command in [
        "plan --out x.plan",
        "apply",
        "plan",
        "generate",
        "migrate",
        "output",
        "show a",
        "show b",
        "state backup",
        "plan --json",
        "output --json",
        "apply --json",
    ] {
        let output = sandbox.run(command).ok();
        assert!(!output.raw.contains(value), "`prov {command}`\n{output}");
    }
    assert_eq!(sandbox.files().holding(value), [""; 0]);
    let changed = sandbox.env("TOKEN_OF_MINE", "hunter3-hunter3");
    let output = changed.run("plan").ok();
    assert!(output.stdout.contains("1 to change") || output.stdout.contains("2 to change"));
    assert!(!output.raw.contains("hunter"), "{output}");
}
