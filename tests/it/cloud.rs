//! An HTTP server on this machine that answers as a test tells it to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method, path and query.
    pub line: String,
    /// The body.
    pub body: String,
}

/// An answer, or what comes instead of one.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status and JSON.
    Json(u16, String),
    /// A status, more headers and a body.
    Plain(u16, String, String),
    /// A body that ends before its length.
    Cut(String),
    /// So many bytes.
    Long(usize),
    /// Nothing: the connection is closed.
    Lost,
}

type Handler = dyn FnMut(&Asked) -> Reply + Send;

/// A server of one test.
pub struct Cloud {
    /// Its base URL.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Cloud {
    /// A server that answers with `handler`.
    pub fn new(handler: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                    let reply = handler.lock().unwrap_or_else(PoisonError::into_inner)(&request);
                    write(stream, reply);
                });
            }
        });
        Self { url, asked }
    }

    /// What it was asked so far: method and path.
    pub fn lines(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().map(|asked| asked.line.clone()).collect()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    lines.read_exact(&mut body).ok()?;
    let first = head.lines().next()?;
    let line = first.rsplit_once(' ')?.0.to_owned();
    Some(Asked { line, body: String::from_utf8_lossy(&body).into_owned() })
}

// A client may hang up at any time, which is its right.
fn write(mut stream: TcpStream, reply: Reply) {
    let (status, headers, body, length) = match reply {
        Reply::Json(status, body) => {
            let length = body.len();
            (status, "content-type: application/json\r\n".to_owned(), body, length)
        }
        Reply::Plain(status, headers, body) => {
            let length = body.len();
            (status, headers, body, length)
        }
        Reply::Cut(body) => {
            let length = body.len() + 100;
            (200, "content-type: application/json\r\n".to_owned(), body, length)
        }
        Reply::Long(length) => (200, String::new(), String::new(), length),
        Reply::Lost => return,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
    if body.is_empty() && length > 0 {
        let chunk = vec![b' '; 1 << 16];
        let mut left = length;
        while left > 0 && stream.write_all(&chunk[..left.min(chunk.len())]).is_ok() {
            left -= left.min(chunk.len());
        }
    }
}
