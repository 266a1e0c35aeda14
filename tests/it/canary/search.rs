//! Looks for secrets in bytes, however they are encoded.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// What is looked for: a secret in one encoding.
struct Needle {
    secret: usize,
    encoding: String,
    bytes: Vec<u8>,
}

/// A secret where none may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub secret: String,
    /// How it is written there.
    pub encoding: String,
    /// Where.
    pub place: String,
}

/// All secrets in all encodings, and how much was searched.
#[derive(Default)]
pub struct Search {
    secrets: Vec<String>,
    needles: Vec<Needle>,
    /// Needles by their first two bytes.
    heads: HashMap<[u8; 2], Vec<usize>>,
    /// How many bytes were searched.
    pub bytes: usize,
    /// How many places, by their kind.
    pub places: BTreeMap<String, usize>,
    /// What was found.
    pub found: Vec<Found>,
}

impl Search {
    /// Looks for `value` too, and for each of `parts` of it: what is left of it when something cuts
    /// it or writes the characters between them in its own way.
    pub fn add(&mut self, name: &str, value: &str, parts: &[&str]) {
        self.secrets.push(name.to_owned());
        for text in std::iter::once(&value).chain(parts) {
            for (encoding, text) in encodings(text) {
                self.push(encoding, text.into_bytes());
            }
        }
    }

    fn push(&mut self, encoding: String, bytes: Vec<u8>) {
        let secret = self.secrets.len() - 1;
        if self.needles.iter().any(|needle| needle.bytes == bytes) {
            return;
        }
        let head = [bytes[0], bytes[1]];
        self.heads.entry(head).or_default().push(self.needles.len());
        self.needles.push(Needle { secret, encoding, bytes });
    }

    /// How many secrets are looked for, and in how many forms.
    pub fn size(&self) -> (usize, usize) {
        (self.secrets.len(), self.needles.len())
    }

    /// Searches what a place of some kind holds, and answers what is new in it.
    pub fn look(&mut self, kind: &str, place: &str, bytes: &[u8]) -> usize {
        self.bytes += bytes.len();
        *self.places.entry(kind.to_owned()).or_default() += 1;
        let before = self.found.len();
        for (at, head) in bytes.windows(2).enumerate() {
            let Some(needles) = self.heads.get(&[head[0], head[1]]) else { continue };
            for needle in needles.iter().map(|index| &self.needles[*index]) {
                if !bytes[at..].starts_with(&needle.bytes) {
                    continue;
                }
                let found = Found {
                    secret: self.secrets[needle.secret].clone(),
                    encoding: needle.encoding.clone(),
                    place: format!("{kind}: {place}"),
                };
                if !self.found[before..].contains(&found) {
                    self.found.push(found);
                }
            }
        }
        self.found.len() - before
    }
}

/// A text in every way that something may write it.
fn encodings(text: &str) -> Vec<(String, String)> {
    let json = serde_json::Value::from(text).to_string();
    let escaped = json[1..json.len() - 1].to_owned();
    let mut all = vec![
        ("raw".to_owned(), text.to_owned()),
        ("JSON".to_owned(), escaped.clone()),
        ("JSON in JSON".to_owned(), escaped.replace('\\', "\\\\").replace('"', "\\\"")),
        ("URL".to_owned(), percent(text, "%20", |hex| hex)),
        ("URL, lower case".to_owned(), percent(text, "%20", |hex| hex.to_lowercase())),
        ("query".to_owned(), percent(text, "+", |hex| hex)),
        ("hex".to_owned(), hex(text.as_bytes())),
        ("HEX".to_owned(), hex(text.as_bytes()).to_uppercase()),
    ];
    for (kind, alphabet) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for shift in 0..3 {
            let shifted = [vec![0; shift], text.as_bytes().to_vec()].concat();
            let encoded = engine.encode(&shifted);
            // The first and the last letter may hold bits of what stands beside it.
            let (start, end) = ([0, 2, 3][shift], usize::from(!shifted.len().is_multiple_of(3)));
            let sure = encoded[start..encoded.len() - end].to_owned();
            all.push((format!("{kind}, shifted by {shift}"), sure));
        }
    }
    all
}

fn percent(text: &str, space: &str, case: impl Fn(String) -> String) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push_str(space),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&case(format!("%{byte:02X}"))),
        }
    }
    encoded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A search that finds nothing proves nothing until it was seen to find.
#[test]
fn a_planted_secret_is_found_in_every_encoding() {
    let value = "kna\"/+ &\\ of mine";
    let mut encodings_seen = 0;
    for (encoding, text) in encodings(value) {
        let mut search = Search::default();
        search.add("mine", value, &[]);
        assert_eq!(search.look("file", "clean", b"nothing at all kna\"/+"), 0);
        let count = search.look("file", "x", format!("before {text} after").as_bytes());
        assert!(count > 0, "{encoding}: {text}");
        encodings_seen += 1;
    }
    assert_eq!(encodings_seen, 14);
    // As programs encode it, with something before and behind.
    let engine = base64::engine::general_purpose::STANDARD;
    for user in ["", "a", "ab", "abc", "user:"] {
        let mut search = Search::default();
        search.add("mine", value, &["of mine"]);
        let header = format!("Basic {}", engine.encode(format!("{user}{value}:x")));
        assert!(search.look("header", user, header.as_bytes()) > 0, "{header}");
        let cut = engine.encode(format!("{user} the end of mine, cut"));
        assert!(search.look("header", user, cut.as_bytes()) > 0, "{cut}");
    }
}
