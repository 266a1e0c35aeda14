//! Providers that mean harm, or are out of their minds: prov ends in time, keeps its memory small and
//! says what happened.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prov_test::Sandbox;

use crate::sandbox;

/// What prov may use, in KiB, however much is sent to it.
const MEMORY_MAX: u64 = 256 << 10;

/// How long one command may take. A request may take a second, and is asked twice.
const TIME_MAX: Duration = Duration::from_secs(30);

type Play = dyn Fn(&mut TcpStream, &str) -> std::io::Result<()> + Send + Sync;

/// A server that does with each connection what `play` says, given the request's first line.
fn server(play: Arc<Play>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (play, count) = (Arc::clone(&play), Arc::clone(&count));
            std::thread::spawn(move || {
                let Some(line) = request(&stream) else { return };
                count.fetch_add(1, Ordering::Relaxed);
                // Whoever is treated like this may hang up.
                let _ = play(&mut stream, &line);
            });
        }
    });
    (url, asked)
}

/// Reads a request with its body; its first line.
fn request(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if lines.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    lines.read_exact(&mut body).ok()?;
    head.lines().next().map(str::to_owned)
}

const PROVIDER: &str = r#"
name = "Acme"
base_url = "https://api.acme.test"
base_url_env = ["ACME_API_URL"]
[limits]
timeout = 1
visible_within = 0
[paging.default]
next = { page = "{{ page + 1 }}" }
"#;

const BOX: &str = r#"
description = "A box."
kind = "resource"
deadline = 20
id = "{{ object.id }}"
[name]
unique = true
read = "{{ object.name }}"
[create]
request = "POST /boxes"
body = { name = "{{ name }}" }
[read]
request = "GET /boxes/{{ id }}"
[find]
by = "name"
request = "GET /boxes"
items = "{{ response.boxes }}"
match = "{{ object.name == name }}"
paging = "none"
[list]
request = "GET /boxes"
items = "{{ response.boxes }}"
[delete]
request = "DELETE /boxes/{{ id }}"
"#;

const INSTANCES: &str = r#"
project = "shop"

[[instances]]
ref = "box"
service = "acme-box"
name = "a"

[[instances]]
ref = "notes"
service = "local-file"
name = "notes"
params = { path = "notes.txt", content = "Unharmed.\n" }
"#;

/// A project that gives one answer so many seconds.
fn project(url: &str, timeout: u32) -> Sandbox {
    let sandbox = sandbox().env("ACME_API_URL", url).env("PROV_HTTP_ATTEMPTS", "2");
    let provider = PROVIDER.replace("timeout = 1", &format!("timeout = {timeout}"));
    sandbox.file("brokers/acme/provider.toml", provider);
    sandbox.file("brokers/acme/box.toml", BOX);
    sandbox.file("prov.toml", INSTANCES);
    sandbox
}

/// Runs prov and watches it: what it said, its greatest memory in KiB, and how long it took.
fn watched(sandbox: &Sandbox, arguments: &[&str]) -> (i32, String, u64, Duration) {
    let started = Instant::now();
    let mut command = sandbox.command("prov");
    let out = sandbox.root().join("../out.txt");
    let file = std::fs::File::create(&out).unwrap();
    command.args(arguments).stdout(file.try_clone().unwrap()).stderr(file);
    let mut child = command.spawn().unwrap();
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        let text = std::fs::read_to_string(&status_file).unwrap_or_default();
        let kib = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < 3 * TIME_MAX, "it does not end");
        // Its memory is looked at now and then; what is waited for is its end.
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = std::fs::read_to_string(&out).unwrap();
    (status.code().unwrap_or(-1), text, peak, started.elapsed())
}

fn answer(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// So many bytes of the same.
fn flood(stream: &mut TcpStream, piece: &[u8], bytes: usize) -> std::io::Result<()> {
    let chunk: Vec<u8> =
        piece.iter().copied().cycle().take(piece.len() * (65536 / piece.len())).collect();
    let mut left = bytes;
    while left > 0 {
        stream.write_all(&chunk[..left.min(chunk.len())])?;
        left -= left.min(chunk.len());
    }
    Ok(())
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

fn slow(stream: &mut TcpStream, head: &[u8]) -> std::io::Result<()> {
    stream.write_all(head)?;
    loop {
        // This is what is hostile: it never ends, and never goes quiet for long.
        stream.write_all(b" ")?;
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn chunked(stream: &mut TcpStream, piece: &[u8], bytes: usize) -> std::io::Result<()> {
    stream.write_all(HEAD)?;
    stream.write_all(b"transfer-encoding: chunked\r\n\r\n")?;
    let body: Vec<u8> = piece.iter().copied().cycle().take(65536).collect();
    for _ in 0..bytes / body.len() {
        stream.write_all(format!("{:x}\r\n", body.len()).as_bytes())?;
        stream.write_all(&body)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")
}

const GIB: usize = 1 << 30;

/// An answer of so many bytes, of which `piece` is sent again and again.
fn long(stream: &mut TcpStream, piece: &[u8], bytes: usize) -> std::io::Result<()> {
    stream.write_all(HEAD)?;
    stream.write_all(format!("content-length: {bytes}\r\nconnection: close\r\n\r\n").as_bytes())?;
    flood(stream, piece, bytes)
}

/// A list of so many bytes.
fn list(stream: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    stream.write_all(HEAD)?;
    let length = bytes + 4;
    stream
        .write_all(format!("content-length: {length}\r\nconnection: close\r\n\r\n[").as_bytes())?;
    flood(stream, b"[],", bytes)?;
    stream.write_all(b"0] ")
}

fn redirect(stream: &mut TcpStream, to: &str) -> std::io::Result<()> {
    let head = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\nlocation: ";
    stream.write_all(format!("{head}{to}\r\n\r\n").as_bytes())
}

/// Nothing, until the other side hangs up.
fn silent(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).map(drop)
}

/// What a hostile provider does, and a word of what prov says about it.
type Scene = (&'static str, &'static str, fn(&mut TcpStream, &str) -> std::io::Result<()>);

/// What is said of a provider that takes too long.
const IN_TIME: &str = "did not answer in time";

/// Providers that take their time.
const SLOW: &[Scene] = &[
    ("a byte now and then", IN_TIME, |s, _| {
        slow(s, b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
    }),
    ("a header that does not end", IN_TIME, |s, _| slow(s, b"HTTP/1.1 200 OK\r\nx-slow: ")),
    ("1xx for ever", IN_TIME, |s, _| {
        loop {
            // As fast as a server that has others to serve, or nothing but this is done here.
            s.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }),
    ("nothing", IN_TIME, |s, _| silent(s)),
    ("half a connection", "help", |s, _| {
        s.shutdown(Shutdown::Write)?;
        silent(s)
    }),
];

/// Providers that say too much.
const LARGE: &[Scene] = &[
    ("a status line that does not end", "", |s, _| {
        s.write_all(b"HTTP/1.1 200 ")?;
        flood(s, b"O", GIB)
    }),
    ("a gigabyte that is announced", "longer than 16 MiB", |s, _| long(s, b"[0],", GIB)),
    ("a gigabyte in chunks", "longer than 16 MiB", |s, _| chunked(s, b" ", GIB)),
    ("a gigabyte without an end", "longer than 16 MiB", |s, _| {
        s.write_all(HEAD)?;
        s.write_all(b"\r\n")?;
        flood(s, b" ", GIB)
    }),
    ("15 MB of small values", "more than 500000 values", |s, _| list(s, 15 << 20)),
    ("as many values as are read", "does not hold the list", |s, _| list(s, 3 * 240_000)),
    ("100,000 levels", "not the JSON it should be", |s, _| {
        answer(s, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))
    }),
    ("100,000 levels of an error", "500", |s, _| {
        s.write_all(b"HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n")?;
        flood(s, b"{\"a\":", 500_000)
    }),
    ("100,000 headers", "", |s, _| {
        s.write_all(HEAD)?;
        for number in 0..100_000 {
            s.write_all(format!("x-{number}: y\r\n").as_bytes())?;
        }
        s.write_all(b"\r\n{}")
    }),
    ("a header of 10 MB", "", |s, _| {
        s.write_all(HEAD)?;
        s.write_all(b"x-long: ")?;
        flood(s, b"y", 10 << 20)?;
        s.write_all(b"\r\n\r\n{}")
    }),
];

/// Providers that say what is not to be understood.
const ODD: &[Scene] = &[
    ("what is packed and was not asked for", "not the JSON it should be", |s, _| {
        s.write_all(HEAD)?;
        s.write_all(b"content-encoding: gzip\r\ncontent-length: 8\r\nconnection: close\r\n\r\n")?;
        s.write_all(b"\x1f\x8b\x08\x00\x00\x00\x00\x03")
    }),
    ("a redirect in a circle", "redirects that do not end", |s, line| {
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        redirect(s, &format!("{path}?again"))
    }),
    ("a redirect to a file", "not followed", |s, _| redirect(s, "file:///etc/passwd")),
    ("a redirect to another port", "not followed", |s, _| redirect(s, "http://127.0.0.1:1/")),
    ("half an answer", "cut short", |s, _| {
        s.write_all(HEAD)?;
        s.write_all(b"content-length: 100\r\n\r\n{\"boxes\"")?;
        s.shutdown(Shutdown::Both)
    }),
    ("garbage", "", |s, _| s.write_all(b"\x00\x01\x02 SSH-2.0-OpenSSH_9.9\r\n\r\n")),
    ("two lengths", "", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\n{}")
    }),
    ("a length below nothing", "", |s, _| {
        s.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{}")
    }),
    ("no UTF-8", "not the JSON it should be", |s, _| {
        s.write_all(HEAD)?;
        s.write_all(b"content-length: 14\r\nconnection: close\r\n\r\n{\"boxes\":\"\xff\xfe\"}")
    }),
];

/// How prov bore it, and what was wrong about that.
fn suffer(&(what, word, play): &Scene) -> (String, Option<String>) {
    let (url, asked) = server(Arc::new(play));
    // A machine that is busy may need longer for a flood.
    let timeout = if word == IN_TIME { 1 } else { 10 };
    let sandbox = project(&url, timeout);
    let (status, text, peak, took) = watched(&sandbox, &["apply"]);
    let asked = asked.load(Ordering::Relaxed);
    let seconds = took.as_secs_f64();
    let mib = peak >> 10;
    let line = format!("{what}: exit {status}, {mib} MiB, {seconds:.1} s, {asked} requests");
    let is_bounded = peak > 0 && peak < MEMORY_MAX && took < TIME_MAX && asked < 40;
    // What stands against the plan stops it as a whole; what cannot be asked stops its own branch.
    let is_said = matches!(status, 1 | 3) && text.contains(word) && text.contains("help: ");
    let is_rest_done = status == 1 || sandbox.has("notes.txt");
    let is_well = is_bounded && is_said && is_rest_done && !text.contains("panicked");
    let harm = (!is_well).then(|| format!("## {line}\n{text}"));
    (line, harm)
}

#[test]
fn a_hostile_provider_costs_little_and_harms_nobody_else() {
    let scenes: Vec<&Scene> = [SLOW, LARGE, ODD].into_iter().flatten().collect();
    let left = Mutex::new(scenes);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(scene) = left.lock().unwrap().pop() else { return };
                    let (line, harm) = suffer(scene);
                    println!("{line}");
                    seen.lock().unwrap().extend(harm);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    assert!(seen.is_empty(), "{}", seen.join("\n"));
}

#[test]
fn pages_of_megabytes_come_to_an_end() {
    let page: Arc<Play> = Arc::new(|stream: &mut TcpStream, line: &str| {
        let number =
            line.split("page=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("1");
        let body =
            format!(r#"{{"boxes": [{{"id": "{number}", "name": "{}"}}]}}"#, "x".repeat(4 << 20));
        answer(stream, &body)
    });
    let (url, asked) = server(page);
    let sandbox = project(&url, 10);
    sandbox.file("brokers/acme/box.toml", BOX.replace("paging = \"none\"", ""));
    let (status, text, peak, _) = watched(&sandbox, &["apply"]);
    println!("exit {status}, {} MiB, {} requests", peak >> 10, asked.load(Ordering::Relaxed));
    assert!(text.contains("longer than 64 MiB"), "{text}");
    assert!(peak < MEMORY_MAX, "{peak} KiB");
}

/// The box is made, and its answer is an attack: the next run finds it.
#[test]
fn a_creation_with_a_hostile_answer_is_settled() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let play: Arc<Play> = Arc::new(move |stream: &mut TcpStream, line: &str| {
        let posts = count.load(Ordering::Relaxed);
        let object = r#"{"id": "7", "name": "a"}"#;
        match line.split(' ').next() {
            Some("POST") => {
                count.fetch_add(1, Ordering::Relaxed);
                chunked(stream, b" ", GIB)
            }
            // It goes on being hostile until it was tried twice, so that the first run cannot look.
            _ if posts == 1 && !line.contains("/boxes/") => {
                count.fetch_add(10, Ordering::Relaxed);
                chunked(stream, b"[", GIB)
            }
            _ if line.contains("/boxes/") => answer(stream, object),
            _ if posts > 10 => answer(stream, &format!(r#"{{"boxes": [{object}]}}"#)),
            _ => answer(stream, r#"{"boxes": []}"#),
        }
    });
    let (url, _) = server(play);
    let sandbox = project(&url, 10).env("PROV_HTTP_ATTEMPTS", "1");
    let (status, text, peak, _) = watched(&sandbox, &["apply"]);
    assert_eq!(status, 3, "{text}");
    assert!(peak < MEMORY_MAX, "{peak} KiB");
    assert!(text.contains("longer than 16 MiB"), "{text}");
    let second = sandbox.run("apply").ok();
    assert!(second.stdout.contains("1 added"), "{second}");
    assert_eq!(made.load(Ordering::Relaxed), 11, "it was made once: {second}");
    sandbox.run("check --refresh").ok();
}

/// Nobody is there: its own branch fails, and the rest goes on.
#[test]
fn a_provider_that_is_down_fails_its_own_branch() {
    let hangs: Arc<Play> = Arc::new(|stream: &mut TcpStream, _: &str| {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).map(drop)
    });
    let fails: Arc<Play> = Arc::new(|stream: &mut TcpStream, _: &str| {
        stream.write_all(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    });
    let urls = [server(hangs).0, server(fails).0, "http://127.0.0.1:1".to_owned()];
    for url in urls {
        // Nine attempts would take minutes; the deadline ends them.
        let sandbox = project(&url, 1).env("PROV_HTTP_ATTEMPTS", "9");
        let more = "\n[[instances]]\nref = \"user\"\nservice = \"local-value\"\nname = \"user\"\nparams = { id = \"@box.id\" }\n";
        sandbox.file("prov.toml", format!("{INSTANCES}{more}"));
        let short = BOX.replace("deadline = 20", "deadline = 2");
        sandbox.file(
            "brokers/acme/box.toml",
            format!(
                "{short}\n[outputs.id]\ndescription = \"Its id.\"\nvalue = \"{{{{ object.id }}}}\"\n"
            ),
        );
        let (status, text, _, took) = watched(&sandbox, &["apply"]);
        assert_eq!(status, 3, "{url}: {text}");
        assert_eq!(sandbox.read("notes.txt"), "Unharmed.\n", "{url}: {text}");
        assert!(text.contains("skipped: box failed"), "{url}: {text}");
        assert!(took < TIME_MAX, "{url}: {took:?}");
        println!("{url}: {:.1} s", took.as_secs_f64());
    }
}
