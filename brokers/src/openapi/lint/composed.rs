//! Expressions that put a table together: `dict(response.server, password=response.password)`,
//! `{'value': response.result}`.

/// A table that an expression puts together.
pub(super) struct Composed<'e> {
    /// What it begins with.
    pub(super) base: Option<&'e str>,
    /// What is added, each with its expression.
    pub(super) fields: Vec<(String, &'e str)>,
}

/// What `text` puts together, when it is such an expression. What follows as a condition is left out.
pub(super) fn composed(text: &str) -> Option<Composed<'_>> {
    let text = text.trim();
    let is_call = text.starts_with("dict(");
    let (inside, separator) = match is_call {
        true => (text.strip_prefix("dict")?, '='),
        false if text.starts_with('{') => (text, ':'),
        false => return None,
    };
    let (parts, behind) = parts(inside)?;
    if !behind.is_empty() && !behind.starts_with("if ") {
        return None;
    }
    let mut base = None;
    let mut fields = Vec::new();
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let field = part.split_once(separator).filter(|(name, rest)| {
            let name = name.trim().trim_matches(['\'', '"']);
            name.chars().all(|c| c.is_alphanumeric() || c == '_') && !rest.starts_with('=')
        });
        match field {
            Some((name, value)) => {
                fields.push((name.trim().trim_matches(['\'', '"']).to_owned(), value.trim()));
            }
            None if is_call && base.is_none() => base = Some(part),
            None => return None,
        }
    }
    Some(Composed { base, fields })
}

/// What stands between the brackets that `text` begins with, apart at its commas, and what follows.
fn parts(text: &str) -> Option<(Vec<&str>, &str)> {
    let mut quote = None;
    let (mut depth, mut start) = (0_u32, 1);
    let mut parts = Vec::new();
    for (place, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    parts.push(text.get(start..place)?);
                    return Some((parts, text.get(place + 1..)?.trim()));
                }
            }
            (None, ',') if depth == 1 => {
                parts.push(text.get(start..place)?);
                start = place + 1;
            }
            _ => {}
        }
    }
    None
}
