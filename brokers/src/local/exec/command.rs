//! Running one command: no shell, JSON in, JSON out, bounded in time and size.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

use provision::broker::{BrokerError, ErrorKind};
use provision::mask::Mask;
use provision::value::Resolved;

use super::super::{invalid, params};
use super::latch::{self, Latch};
use super::{TIMEOUT, TIMEOUTS, Verb};

/// How much a command may print.
const PRINTED_MAX: usize = 16 * 1024 * 1024;
/// How many characters of what it says on standard error are shown.
const SAID_MAX: usize = 2000;
/// How much of it is kept: enough that masking happens before the cut.
const SAID_KEPT: usize = 64 * 1024;

/// How many bytes an empty pipe holds at least.
const PIPE_HOLDS: usize = 4096;

/// How long a command may take.
pub(super) fn timeout(params: &Resolved) -> Result<Duration, BrokerError> {
    params::integer(params, "timeout", TIMEOUT, TIMEOUTS).map(Duration::from_secs)
}

/// A command that is ready to run.
pub(super) struct Command<'a> {
    verb: Verb,
    program: PathBuf,
    arguments: Vec<&'a str>,
    env: Vec<(&'a str, &'a str)>,
    timeout: Duration,
    folder: &'a Path,
}

impl<'a> Command<'a> {
    /// The command that `params` names for `verb`, when there is one.
    pub(super) fn new(
        verb: Verb,
        params: &'a Resolved,
        folder: &'a Path,
    ) -> Result<Option<Self>, BrokerError> {
        let name = verb.as_str();
        let Some(mut arguments) = params::texts(params, name)? else {
            return Ok(None);
        };
        if arguments.first().is_none_or(|program| program.trim().is_empty()) {
            return Err(invalid(format!("the param `{name}` names no program")));
        }
        let program = locate(arguments.remove(0), folder);
        let timeout = timeout(params)?;
        let env = params::text_map(params, "env")?;
        Ok(Some(Self { verb, program, arguments, env, timeout, folder }))
    }

    /// Runs it with this input and returns what it printed; `about` says in an error what it was run
    /// for, and it holds the latch while it runs.
    pub(super) async fn run(
        &self,
        (input, about, secrets): (&[u8], &str, &Mask),
        latch: Option<Latch>,
    ) -> Result<Vec<u8>, BrokerError> {
        let running = self.start(input, about, latch)?.converse(input);
        let interrupted = |why: String| BrokerError::new(self.verb.interrupted(), why);
        let Ok(outcome) = tokio::time::timeout(self.timeout, running).await else {
            let seconds = self.timeout.as_secs();
            return Err(interrupted(format!(
                "{about} was stopped after {seconds} s, its outcome is unknown"
            ))
            .help("Give it more time with the param `timeout`."));
        };
        let said = outcome.map_err(|why| interrupted(format!("{about} was cut off: {why}")))?;
        if said.status.success() {
            return Ok(said.printed);
        }
        let end = last(&secrets.text(String::from_utf8_lossy(&said.complaint).trim()));
        let kind =
            if said.status.code().is_some() { ErrorKind::Failed } else { self.verb.interrupted() };
        let message = format!("{about} ended with {}", said.status);
        let message = if end.is_empty() { message } else { format!("{message}: {end}") };
        Err(BrokerError::new(kind, message))
    }

    fn start(
        &self,
        input: &[u8],
        about: &str,
        latch: Option<Latch>,
    ) -> Result<Running, BrokerError> {
        let question = question(input).map_err(|error| {
            BrokerError::new(ErrorKind::Unavailable, format!("{about} cannot be asked: {error}"))
        })?;
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.arguments).envs(self.env.iter().copied()).current_dir(self.folder);
        command.stdin(question).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for prov to handle: a command in its group would be torn down half done.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let start = || tokio::process::Command::from(command).kill_on_drop(true).spawn();
        let child = latch::spawn(latch.as_ref(), start);
        child.map(|child| Running::new(child, latch)).map_err(|error| {
            let program = self.program.display();
            invalid(format!("{about} cannot start `{program}`: {error}"))
                .help("Give a program on the PATH, or a path relative to the project folder.")
        })
    }
}

// What a pipe takes at once, whatever the system, lies in it before the command starts: when prov is
// killed after that, the command does not take an empty question for its own.
fn question(input: &[u8]) -> std::io::Result<Stdio> {
    if input.len() > PIPE_HOLDS {
        return Ok(Stdio::piped());
    }
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(input)?;
    Ok(reader.into())
}

// Which folder a relative program is relative to differs between systems, so none is left relative.
fn locate(program: &str, folder: &Path) -> PathBuf {
    let path = Path::new(program);
    if path.components().count() > 1 || path.starts_with(".") {
        folder.join(path)
    } else {
        path.to_owned()
    }
}

struct Said {
    status: ExitStatus,
    printed: Vec<u8>,
    complaint: Vec<u8>,
}

/// A started command. Dropped before its end, it and everything it started is killed.
struct Running {
    child: Child,
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    /// Released after what was started is killed.
    _latch: Option<Latch>,
}

impl Running {
    fn new(child: Child, latch: Option<Latch>) -> Self {
        if let Some(latch) = &latch {
            latch.note(child.id());
        }
        #[cfg(unix)]
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw);
        Self {
            child,
            #[cfg(unix)]
            group,
            _latch: latch,
        }
    }

    async fn converse(mut self, input: &[u8]) -> Result<Said, String> {
        let (stdin, stdout, stderr) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let ((), printed, complaint, status) =
            tokio::try_join!(feed(stdin, input), read_capped(stdout), read_tail(stderr), async {
                self.child.wait().await.map_err(|error| error.to_string())
            },)?;
        #[cfg(unix)]
        {
            self.group = None;
        }
        Ok(Said { status, printed, complaint })
    }
}

#[cfg(unix)]
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // An error means that nothing of it is left.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

// A command need not read its input: one that closed it is not broken.
async fn feed(stdin: Option<ChildStdin>, input: &[u8]) -> Result<(), String> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(input).await {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

async fn read_capped(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, String> {
    let Some(pipe) = pipe else { return Ok(Vec::new()) };
    let mut printed = Vec::new();
    let limit = u64::try_from(PRINTED_MAX).unwrap_or(u64::MAX).saturating_add(1);
    pipe.take(limit).read_to_end(&mut printed).await.map_err(|error| error.to_string())?;
    if printed.len() > PRINTED_MAX {
        return Err("it printed more than 16 MiB".to_owned());
    }
    Ok(printed)
}

async fn read_tail(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, String> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut tail = Vec::new();
    while pipe.read_buf(&mut tail).await.map_err(|error| error.to_string())? > 0 {
        if tail.len() > 2 * SAID_KEPT {
            tail.drain(..tail.len() - SAID_KEPT);
        }
    }
    Ok(tail)
}

fn last(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(SAID_MAX);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_complaint_is_kept() {
        let long = format!("{}end", "é".repeat(3000));
        let end = last(&long);
        assert_eq!(end.chars().count(), SAID_MAX);
        assert!(end.ends_with("end"));
        assert_eq!(last("short"), "short");
    }

    #[test]
    fn a_program_with_a_folder_is_one_of_the_project() {
        let folder = Path::new("/project");
        assert_eq!(locate("sh", folder), Path::new("sh"));
        assert_eq!(locate("./x.sh", folder), Path::new("/project/./x.sh"));
        assert_eq!(locate("bin/x.sh", folder), Path::new("/project/bin/x.sh"));
        assert_eq!(locate("/bin/sh", folder), Path::new("/bin/sh"));
    }

    #[tokio::test]
    async fn a_long_complaint_is_read_to_its_end() {
        let long = [b"x".repeat(5 * SAID_KEPT), b"end".to_vec()].concat();
        let tail = read_tail(Some(long.as_slice())).await.unwrap();
        assert!(tail.len() <= 2 * SAID_KEPT + 4096 && tail.ends_with(b"end"), "{}", tail.len());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_a_dropped_command_started_is_killed_too() {
        let params = Resolved(
            [("create".to_owned(), serde_json::json!(["sh", "-c", "sleep 1000 & echo up; wait"]))]
                .into_iter()
                .collect(),
        );
        let command = Command::new(Verb::Create, &params, Path::new("/")).unwrap().unwrap();
        let mut running = command.start(b"", "it", None).unwrap();
        let mut stdout = running.child.stdout.take().unwrap();
        let mut up = [0; 3];
        stdout.read_exact(&mut up).await.unwrap();

        drop(running);
        // The pipe ends when the last process that holds it is gone.
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(20), stdout.read_to_end(&mut rest));
        assert_eq!(end.await.expect("the sleeper lives on").unwrap(), 0);
    }

    #[tokio::test]
    async fn a_question_comes_whole_however_long() {
        let params = [("create".to_owned(), serde_json::json!(["cat"]))];
        let params = Resolved(params.into_iter().collect());
        let command = Command::new(Verb::Create, &params, Path::new("/")).unwrap().unwrap();
        for length in [0, 1, PIPE_HOLDS, PIPE_HOLDS + 1, 1 << 20] {
            let question = b"x".repeat(length);
            let said = command.start(&question, "it", None).unwrap().converse(&question).await;
            assert!(said.is_ok_and(|said| said.printed == question), "{length} bytes");
        }
    }

    #[tokio::test]
    async fn printing_too_much_is_an_error() {
        let endless = tokio::io::repeat(b' ');
        assert_eq!(read_capped(Some(endless)).await.unwrap_err(), "it printed more than 16 MiB");
    }
}
