//! The trace on standard error. Nothing in it is a secret, whoever wrote it: what was opened, sealed
//! or read from the environment by this process is masked in every line.

use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

use provision::mask::Mask;
use serde_json::Value;

/// What is masked.
static HIDDEN: RwLock<Option<Mask>> = RwLock::new(None);

/// From now on every text in `value` is masked.
pub fn hide(value: &Value) {
    let mut hidden = HIDDEN.write().unwrap_or_else(PoisonError::into_inner);
    hidden.get_or_insert_default().add_value(value);
}

/// From now on `text` is masked.
pub fn hide_text(text: &str) {
    let mut hidden = HIDDEN.write().unwrap_or_else(PoisonError::into_inner);
    hidden.get_or_insert_default().add(text);
}

/// Starts tracing: only warnings, unless `verbose` or `PROV_LOG` ask for more.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    // Our own words: the libraries below would drown them.
    let default = || format!("off,prov={level},brokers={level},provision={level}");
    let filter = std::env::var("PROV_LOG").unwrap_or_else(|_| default());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(|| Line)
        .with_ansi(false)
        .without_time()
        .init();
}

/// Takes one event, which is written at once.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let hidden = HIDDEN.read().unwrap_or_else(PoisonError::into_inner);
        match hidden.as_ref() {
            Some(mask) => io::stderr().write_all(mask.text(&text).as_bytes())?,
            None => io::stderr().write_all(text.as_bytes())?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
