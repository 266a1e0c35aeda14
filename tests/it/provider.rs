//! A provider on this machine: one thread that answers who a token belongs to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// What the provider does, and what it saw.
#[derive(Default)]
struct State {
    /// The tokens it accepts.
    tokens: Vec<String>,
    /// The headers it adds.
    headers: String,
    /// How far its clock is ahead, in seconds.
    ahead: i64,
    /// The heads of the requests.
    seen: Vec<String>,
}

/// A provider that answers every request with an account, or refuses the token.
pub struct Provider {
    /// Its base URL.
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Provider {
    /// One that accepts these tokens.
    pub fn accepting(tokens: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &shared);
            }
        });
        let provider = Self { url, state };
        provider.accept(tokens);
        provider
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on accepts these tokens and no others.
    pub fn accept(&self, tokens: &[&str]) {
        self.with(|state| state.tokens = tokens.iter().map(|token| (*token).to_owned()).collect());
    }

    /// From now on adds a header to every answer.
    pub fn add_header(&self, line: &str) {
        self.with(|state| state.headers = format!("{line}\r\n"));
    }

    /// From now on its clock is ahead.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.with(|state| state.ahead = seconds);
    }

    /// The heads of the requests since this was asked last.
    pub fn seen(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.seen))
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).is_ok_and(|count| count > 0) {}
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let knows = state.tokens.iter().any(|token| head.contains(&format!(" {token}\r\n")));
    let (status, body) = match knows {
        true => ("200 OK", r#"{"account": {"email": "me@example.com"}}"#),
        false => (
            "401 Unauthorized",
            r#"{"id": "unauthorized", "message": "Unable to authenticate you"}"#,
        ),
    };
    let now = Timestamp::now() + SignedDuration::from_secs(state.ahead);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nDate: {}\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        date.unwrap(),
        state.headers,
        body.len(),
    );
    state.seen.push(head);
}
