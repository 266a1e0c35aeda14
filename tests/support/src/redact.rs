//! What differs from run to run, replaced by what it is.

use regex_lite::Regex;

/// What every output is cleaned of: a pattern and what stands in for a match.
const PATTERNS: [(&str, &str); 13] = [
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", "[TIME]"),
    (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "[ID]"),
    (r"\bsha256:[0-9a-f]{64}\b", "sha256:[DIGEST]"),
    (r"\bage1[0-9a-z]{20,}", "[RECIPIENT]"),
    (r#"("sealed": ?)"[^"]+""#, "$1\"[SEALED]\""),
    (r"\bprocess \d+", "process [PID]"),
    (r"\bkill \d+", "kill [PID]"),
    (r"(by \S+)@\S+, process", "$1@[HOST], process"),
    (r"(?m)^((?:export )?\w*(?:SECRET|TOKEN|PASSWORD)\w*=)\S+", "$1[SECRET]"),
    (r"in progress, \d+ s so far", "in progress, [N] s so far"),
    (r"\bprov \d+\.\d+\.\d+", "prov [VERSION]"),
    (r"\bv-[0-9a-f]{16}\b", "v-[ID]"),
    (r"\.prov-[A-Za-z0-9]{6}\b", ".prov-[RANDOM]"),
];

/// What to replace in outputs.
#[derive(Clone, Debug)]
pub struct Redactions {
    texts: Vec<(String, String)>,
    patterns: Vec<(Regex, &'static str)>,
}

impl Default for Redactions {
    fn default() -> Self {
        let compile = |(pattern, stand_in)| {
            (Regex::new(pattern).expect("the pattern is written here"), stand_in)
        };
        Self { texts: Vec::new(), patterns: PATTERNS.into_iter().map(compile).collect() }
    }
}

impl Redactions {
    /// Replaces nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { texts: Vec::new(), patterns: Vec::new() }
    }

    /// Also replaces `text`; what was added first is replaced first.
    pub fn text(&mut self, text: &str, stand_in: &str) {
        self.texts.push((text.to_owned(), stand_in.to_owned()));
    }

    /// `text` with everything replaced.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for (text, stand_in) in &self.texts {
            clean = clean.replace(text, stand_in);
        }
        for (pattern, stand_in) in &self.patterns {
            clean = pattern.replace_all(&clean, *stand_in).into_owned();
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_replaced_and_the_rest_stays() {
        let mut known = Redactions::default();
        known.text("/tmp/x", "[ROOT]");
        for (text, clean) in [
            ("at 2026-11-20T10:00:00Z in /tmp/x/a", "at [TIME] in [ROOT]/a"),
            ("run 01a1fb38-63bc-776b-97e6-f7efda2417fc.", "run [ID]."),
            ("SESSION_SECRET=abc\nPORT=1", "SESSION_SECRET=[SECRET]\nPORT=1"),
            ("by somebody@host, process 12, since", "by somebody@[HOST], process [PID], since"),
            ("a plain text of 32 s", "a plain text of 32 s"),
        ] {
            assert_eq!(known.apply(text), clean);
        }
    }
}
