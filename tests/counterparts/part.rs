//! The counterparts: where they are, and a process of one of them that ends with its guard.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Where the counterparts are.
pub struct Counterparts {
    /// The folder of the scripts that install and judge.
    pub scripts: PathBuf,
    /// What they installed.
    pub home: PathBuf,
}

impl Counterparts {
    /// The counterparts, or why there are none.
    pub fn find() -> Result<Self, String> {
        // Beside the workspace, of which this may be a crate.
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut beside = above.map(|folder| folder.join("../shared/counterparts"));
        let beside = || beside.find(|folder| folder.is_dir()).unwrap_or_default();
        let given = std::env::var_os("PROV_COUNTERPARTS").map(PathBuf::from);
        let scripts = given.unwrap_or_else(beside);
        let Ok(scripts) = scripts.canonicalize() else {
            return Err(format!("{} is not there (PROV_COUNTERPARTS)", scripts.display()));
        };
        let of = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let home = of("COUNTERPARTS_HOME").or_else(|| {
            let cache = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")))?;
            Some(cache.join("prov-counterparts"))
        });
        let home = home.ok_or("neither COUNTERPARTS_HOME nor HOME is set")?;
        Ok(Self { scripts, home })
    }

    /// A file of an installed counterpart.
    pub fn installed(&self, path: &str, name: &str) -> Result<PathBuf, String> {
        let whole = self.home.join(path);
        let install = self.scripts.join("install.sh");
        match whole.exists() {
            true => Ok(whole),
            false => {
                Err(format!("{name} is not installed: `{} {name}` does it", install.display()))
            }
        }
    }

    /// The providers' descriptions.
    pub fn descriptions(&self) -> PathBuf {
        self.scripts.join("../specs")
    }

    /// Whole descriptions that `.ci/descriptions.sh` fetched.
    pub fn fetched(&self) -> PathBuf {
        self.home.join("specs")
    }
}

/// A node that runs.
pub fn node() -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("node"));
    found.into_iter().find(|file| file.is_file()).ok_or_else(|| "there is no node".to_owned())
}

/// The newer node, which some parts need.
pub fn node_22(parts: &Counterparts) -> Result<PathBuf, String> {
    parts.installed("node22/node_modules/.bin/node", "emulate")
}

/// A process that listens, and ends when this is dropped.
pub struct Part {
    child: Child,
    log: TempDir,
    pub address: SocketAddr,
}

impl Part {
    /// Starts what `command` says for a port that was free, and waits until it listens.
    pub fn start(name: &str, command: impl FnOnce(u16) -> Command) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{name} does not start: {error}");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(said)?;
        let address = free.local_addr().map_err(said)?;
        drop(free);
        let log = tempfile::tempdir().map_err(said)?;
        let file = File::create(log.path().join("log")).map_err(said)?;
        let mut command = command(address.port());
        command.stdin(Stdio::null()).stderr(file.try_clone().map_err(said)?).stdout(file);
        let child = command.spawn().map_err(said)?;
        let mut part = Self { child, log, address };
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            let is_over = part.child.try_wait().is_ok_and(|ended| ended.is_some());
            if is_over || started.elapsed() > Duration::from_secs(90) {
                return Err(format!("{name} does not listen:\n{}", part.said()));
            }
            // Another program's start: no clock of ours can bring it about, and not all say so.
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(part)
    }

    /// What it printed.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
