//! Secrets from whoever runs the program: typed without being shown, or on standard input. Never an
//! argument, which everybody on the machine could read in the list of processes.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use zeroize::Zeroizing;

use crate::credentials::Secret;
use crate::exit::Exit;
use crate::failure::Failure;

/// The longest secret that is read, in bytes.
const LENGTH_MAX: usize = 64 * 1024;

/// Reads a secret for each label: asked for on a terminal, else a line each of standard input.
///
/// # Errors
/// When one is missing or empty, or the user gave up.
pub async fn secrets(labels: &[String]) -> Result<Vec<Secret>, Failure> {
    if std::io::stdin().is_terminal() {
        let mut typed = Vec::new();
        for label in labels {
            typed.push(checked(label, &ask(label).await?)?);
        }
        return Ok(typed);
    }
    let mut given = Vec::new();
    let mut lines = std::io::stdin().lock();
    for label in labels {
        given.push(checked(label, &line(&mut lines)?)?);
    }
    match line(&mut lines)? {
        rest if rest.trim().is_empty() => Ok(given),
        _ => {
            let summary = "Standard input has more lines than there are secrets.";
            let help = format!("Give one line each: {}.", labels.join(", "));
            Err(Failure::with_help(Exit::Error, "secret", summary, help))
        }
    }
}

fn line(lines: &mut impl std::io::BufRead) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let mut part = std::io::Read::take(lines, LENGTH_MAX as u64);
    match part.read_line(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let summary = format!("Standard input cannot be read: {error}.");
            Err(Failure::new(Exit::Error, "secret", summary))
        }
    }
}

/// A secret that can be sent: one line, not empty. White space around it comes from copying.
fn checked(label: &str, text: &str) -> Result<Secret, Failure> {
    let secret = text.trim();
    let wrong = match secret {
        "" => "is empty",
        text if text.contains(char::is_control) => "holds a control character",
        text if text.len() >= LENGTH_MAX => "is too long",
        _ => return Ok(Secret::new(secret.to_owned())),
    };
    let summary = format!("The value for {label} {wrong}.");
    let help = "Type it when asked, or pipe it in, a line for each secret.";
    Err(Failure::with_help(Exit::Error, "secret", summary, help))
}

/// Asks on the terminal. What is typed is not shown, and the terminal is as before afterwards, also
/// when the user gives up.
async fn ask(label: &str) -> Result<Zeroizing<String>, Failure> {
    let hidden = Hidden::start()?;
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{label}: ").and_then(|()| stderr.flush());
    drop(stderr);
    let (send, typed) = tokio::sync::oneshot::channel();
    // A thread of its own: nothing waits for it when the user gives up.
    std::thread::spawn(move || send.send(line(&mut std::io::stdin().lock())));
    let answer = tokio::select! {
        answer = typed => answer.ok(),
        () = crate::change::interrupt() => None,
    };
    drop(hidden);
    crate::terminal::talk("");
    answer.unwrap_or_else(|| {
        let summary = "Nothing was entered, and nothing was stored.";
        Err(Failure::new(Exit::Interrupted, "interrupted", summary))
    })
}

/// While it lives, the terminal does not show what is typed.
#[cfg(unix)]
struct Hidden(rustix::termios::Termios);

#[cfg(unix)]
impl Hidden {
    fn start() -> Result<Self, Failure> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        let change = || {
            let before = tcgetattr(&stdin)?;
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
            Ok::<_, rustix::io::Errno>(Self(before))
        };
        change().map_err(|_| visible())
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        let stdin = std::io::stdin();
        let now = rustix::termios::OptionalActions::Now;
        let _ = rustix::termios::tcsetattr(&stdin, now, &self.0);
    }
}

#[cfg(not(unix))]
struct Hidden;

#[cfg(not(unix))]
impl Hidden {
    fn start() -> Result<Self, Failure> {
        Err(visible())
    }
}

/// A secret is not asked for where it would be shown.
fn visible() -> Failure {
    let summary = "This terminal would show what is typed.";
    let help = "Pipe the secret in: `prov auth set PROVIDER < FILE`.";
    Failure::with_help(Exit::Error, "terminal", summary, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_secret_goes_and_what_cannot_be_sent_is_refused() {
        for (text, secret) in [
            (" dop_v1_x\r\n", Some("dop_v1_x")),
            ("two words", Some("two words")),
            (" \n", None),
            ("a\u{1b}b", None),
        ] {
            let found = checked("the token", text).ok();
            assert_eq!(found.as_ref().map(Secret::expose), secret, "{text:?}");
        }
        assert!(checked("the token", &"x".repeat(LENGTH_MAX)).is_err());
    }
}
