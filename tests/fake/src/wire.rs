//! HTTP/1.1 as far as one client on this machine needs it: requests in, answers out.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    /// Encoded still.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
}

/// What is done about it.
#[derive(Clone, Debug)]
pub enum Reply {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Value,
    },
    /// Not even JSON.
    Text(u16, &'static str),
    /// The connection is closed without a word.
    Nothing,
}

impl Reply {
    pub fn of(status: u16, body: Value) -> Self {
        Self::Answer { status, headers: Vec::new(), body }
    }
}

/// Answers requests.
pub type Handler = dyn Fn(Received) -> Reply + Send + Sync;

/// Serves for as long as the runtime lives; answers where.
pub async fn serve(handler: Arc<Handler>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handler = Arc::clone(&handler);
            tokio::spawn(async move {
                let _ = converse(stream, handler.as_ref()).await;
            });
        }
    });
    url
}

/// Answers what comes over one connection until either side closes it.
pub async fn converse(stream: TcpStream, handler: &Handler) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let (status, headers, body) = match handler(request) {
            Reply::Answer { status, headers, body: Value::Null } => (status, headers, Vec::new()),
            Reply::Answer { status, headers, body } => {
                (status, headers, body.to_string().into_bytes())
            }
            Reply::Text(status, text) => (status, Vec::new(), text.into()),
            Reply::Nothing => return Ok(()),
        };
        let mut head = format!("HTTP/1.1 {status} Of the fake\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        if status != 204 {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut whole = head.into_bytes();
        whole.extend(body);
        stream.write_all(&whole).await?;
        stream.flush().await?;
    }
    Ok(())
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let bytes = match headers.get("content-length").and_then(|text| text.parse().ok()) {
        Some(length) => {
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).await?;
            bytes
        }
        None if headers.contains_key("transfer-encoding") => chunks(stream).await?,
        None => Vec::new(),
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Ok(Some(Received { method, path: path.to_owned(), query: pairs(query), headers, bytes }))
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let length = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).await?;
        chunk.truncate(length);
        if chunk.is_empty() {
            return Ok(whole);
        }
        whole.extend(chunk);
    }
}

/// The text that a percent-encoded one stands for.
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// A table of pairs; a key that comes several times is a list.
pub fn table_of(pairs: &[(String, String)]) -> Value {
    let mut table = Map::new();
    for (key, value) in pairs {
        match table.get_mut(key) {
            None => drop(table.insert(key.clone(), Value::from(value.as_str()))),
            Some(Value::Array(items)) => items.push(Value::from(value.as_str())),
            Some(one) => *one = Value::from(vec![one.clone(), Value::from(value.as_str())]),
        }
    }
    Value::Object(table)
}

impl Received {
    /// The body as a value, whatever it is encoded as; of a form and its like, all leaves are text.
    pub fn body(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        let kind = self.headers.get("content-type").map(String::as_str).unwrap_or_default();
        if kind.contains("json") {
            return serde_json::from_str(&text).unwrap_or_default();
        }
        if kind.contains("x-www-form-urlencoded") {
            return form(&pairs(&text));
        }
        if let Some((_, boundary)) = kind.split_once("boundary=") {
            return multipart(&text, boundary.trim_matches('"'));
        }
        if self.bytes.is_empty() { Value::Null } else { Value::from(text.into_owned()) }
    }

    /// Whether the leaves of the body are text whatever they were.
    pub fn is_text(&self) -> bool {
        !self.headers.get("content-type").is_some_and(|kind| kind.contains("json"))
    }
}

/// `a[b]=1&a[c][0]=2` as tables inside tables.
fn form(pairs: &[(String, String)]) -> Value {
    let mut whole = Value::Object(Map::new());
    for (key, value) in pairs {
        let keys: Vec<&str> = key.split('[').map(|key| key.trim_end_matches(']')).collect();
        crate::json::put(&mut whole, &keys, Value::from(value.as_str()));
    }
    whole
}

fn multipart(text: &str, boundary: &str) -> Value {
    let mut whole = Map::new();
    for part in text.split(&format!("--{boundary}")) {
        let Some((head, body)) = part.split_once("\r\n\r\n") else { continue };
        let name = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(name) = name {
            whole.insert(name.to_owned(), Value::from(body.trim_end_matches("\r\n")));
        }
    }
    Value::Object(whole)
}
