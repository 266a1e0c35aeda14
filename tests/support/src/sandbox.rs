//! A project folder, a home and an environment of their own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::files::Files;
use crate::{Output, Redactions};

/// Where a test runs: nothing of the machine's user is seen, and nothing is left behind.
///
/// The environment holds `PATH`, `HOME`, `XDG_CONFIG_HOME`, `PROV_PARALLELISM=1` (so that steps
/// end in one order) and what the test adds.
pub struct Sandbox {
    folder: TempDir,
    env: BTreeMap<String, String>,
    redactions: Redactions,
}

impl Sandbox {
    /// An empty project folder, with the program at `binary` on the `PATH` as `prov`.
    #[must_use]
    pub fn new(binary: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("prov-it-").tempdir().expect("a temp folder");
        let root = fs::canonicalize(folder.path()).expect("the temp folder is there");
        for name in ["project", "home/.config", "bin"] {
            fs::create_dir_all(root.join(name)).expect("a folder in the sandbox");
        }
        symlink(binary, root.join("bin/prov")).expect("a link to the program");
        let system = std::env::var("PATH").unwrap_or_default();
        let home = root.join("home");
        let env = [
            ("PATH", format!("{}:{system}", root.join("bin").display())),
            ("HOME", home.display().to_string()),
            ("XDG_CONFIG_HOME", home.join(".config").display().to_string()),
            ("PROV_PARALLELISM", "1".to_owned()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        let mut redactions = Redactions::default();
        redactions.text(&root.join("project").display().to_string(), "[ROOT]");
        redactions.text(&home.display().to_string(), "[HOME]");
        redactions.text(&root.display().to_string(), "[TEMP]");
        Self { folder, env, redactions }
    }

    /// The project's folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.base().join("project")
    }

    /// The user's home.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.base().join("home")
    }

    fn base(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("the temp folder is there")
    }

    /// The same sandbox with one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same sandbox with one more text that outputs do not show as it is.
    #[must_use]
    pub fn redact(mut self, text: &str, stand_in: &str) -> Self {
        self.redactions.text(text, stand_in);
        self
    }

    /// The same sandbox with outputs shown as they are.
    #[must_use]
    pub fn unredacted(mut self) -> Self {
        self.redactions = Redactions::none();
        self
    }

    /// Writes a file of the project, making its folders.
    pub fn file(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Self {
        let path = self.root().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the file's folder");
        }
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Reads a file of the project.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.root().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether the project has this file or folder.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.root().join(path).exists()
    }

    /// Everything in the project and the home: for `assert_eq!` on before and after.
    #[must_use]
    pub fn files(&self) -> Files {
        Files::of(&[("project", &self.root()), ("home", &self.home())])
    }

    /// Runs `prov` with arguments that hold no white space.
    pub fn run(&self, arguments: &str) -> Output {
        self.args(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `prov` with any arguments.
    pub fn args(&self, arguments: &[&str]) -> Output {
        self.feed(arguments, "")
    }

    /// Runs `prov` with a text on its standard input.
    pub fn feed(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command("prov");
        command.args(arguments);
        let title = format!("prov {}", arguments.join(" "));
        self.finish(command, &title, input)
    }

    /// Runs a line of shell.
    pub fn sh(&self, line: &str) -> Output {
        let mut command = self.command("sh");
        command.args(["-c", line]);
        self.finish(command, line, "")
    }

    /// Runs a line of shell whose stderr is merged into its stdout, in the order of writing.
    pub fn merged(&self, line: &str) -> Output {
        let mut command = self.command("sh");
        // A line end closes a heredoc or a comment that the line may end with.
        command.args(["-c", &format!("exec 2>&1\n{line}\n")]);
        self.finish(command, line, "")
    }

    /// A command in the sandbox.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let program = match program {
            "prov" => self.base().join("bin/prov"),
            other => PathBuf::from(other),
        };
        let mut command = Command::new(program);
        command.env_clear().envs(&self.env).current_dir(self.root());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn finish(&self, mut command: Command, title: &str, input: &str) -> Output {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{title}: {error}"));
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input is no mistake of the test.
            let _ = stdin.write_all(input.as_bytes());
        }
        let ended = child.wait_with_output().expect("the program ends");
        Output::new(title, &ended, &self.redactions)
    }
}
