//! Inputs that stand for several files.

/// The files of an input: their names, and what is in them. What stands before the first line
/// `=== NAME` has no name.
pub(crate) fn of(bytes: &[u8]) -> Vec<(&str, &[u8])> {
    let mut parts = vec![("", &bytes[..0])];
    let mut start = 0;
    let mut place = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let name = line.strip_prefix(b"=== ").and_then(|name| std::str::from_utf8(name).ok());
        if let Some(name) = name {
            parts.push((name.trim(), &bytes[..0]));
            start = place + line.len();
        }
        place += line.len();
        if let Some(last) = parts.last_mut() {
            last.1 = &bytes[start..place];
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_begins_a_part() {
        let parts = super::of(b"a\n=== b\nc\nd\n=== e\n=== f\ng");
        let parts: Vec<(&str, &str)> =
            parts.iter().map(|(name, text)| (*name, std::str::from_utf8(text).unwrap())).collect();
        assert_eq!(parts, [("", "a\n"), ("b", "c\nd\n"), ("e", ""), ("f", "g")]);
    }
}
