//! Where a failure has the provider's words, in the first draft of a `provider.toml`.

use super::object::{is_array, names_of};
use super::plan::Plan;
use super::sample::kind;
use super::toml::{is_name, text};
use crate::openapi::schema::{Reach, Schema, items_of, reach};

/// Fields with a sentence about a failure, the likeliest first.
const WORDS: [&str; 9] = [
    "message",
    "error_message",
    "errorMessage",
    "msg",
    "detail",
    "reason",
    "error_description",
    "description",
    "title",
];

/// Fields that hold one failure, or a list of such.
const HOLDERS: [&str; 5] = ["error", "errors", "fault", "details", "messages"];

const CODES: [&str; 6] = ["code", "error_code", "errorCode", "id", "type", "status_code"];
const REQUESTS: [&str; 5] =
    ["request_id", "requestId", "correlation_id", "correlationId", "trace_id"];

/// What failures look like.
struct Failures<'a>(Vec<Schema<'a>>);

/// The `[errors]` of what fails in the operations of `plan`.
pub(super) fn errors(plan: &Plan<'_>) -> String {
    let all = plan.operations().filter_map(|operation| operation.failure()).flatten();
    let failures = Failures(all.collect());
    let mut page = String::new();
    let mut set = |name: &str, path: &str| {
        page.push_str(&format!("{name} = {}\n", text(&format!("{{{{ {path} }}}}"))));
    };
    match failures.message() {
        Some((message, code)) => {
            set("message   ", &message);
            if let Some(code) = code {
                set("code      ", &code);
            }
            if let Some(id) = failures.first("", &REQUESTS) {
                set("request_id", &format!("response.{id}"));
            }
            format!("[errors]\n{page}")
        }
        None if failures.0.is_empty() => {
            let guess = text("{{ response.message }}");
            let doubt = "# CHECK: where a failure has the provider's words; that is not described.";
            format!("{doubt}\n[errors]\nmessage    = {guess}\n")
        }
        None => "# CHECK: where a failure has the provider's words (`message` of `[errors]`); \
                 what is described has no such field.\n"
            .to_owned(),
    }
}

impl<'a> Failures<'a> {
    /// The expression of the provider's words, and that of its code.
    fn message(&self) -> Option<(String, Option<String>)> {
        let plain = |holder: &str| {
            let word = self.first(holder, &WORDS)?;
            let code = self.first(holder, &CODES).filter(|code| *code != word);
            let at = |name: &str| match holder {
                "" => format!("response.{name}"),
                holder => format!("response.{holder}.{name}"),
            };
            Some((at(word), code.map(at)))
        };
        let usual = |found: &(String, Option<String>)| found.0.ends_with("message");
        plain("")
            .filter(usual)
            .or_else(|| HOLDERS.into_iter().find_map(plain))
            .or_else(|| HOLDERS.into_iter().find_map(|holder| self.listed(holder)))
            .or_else(|| plain(""))
            .or_else(|| {
                let word = self.first("", &["error", "err", "fault"])?;
                let code = self.first("", &CODES).map(|code| format!("response.{code}"));
                Some((format!("response.{word}"), code))
            })
    }

    /// The words of a list of failures.
    fn listed(&self, holder: &str) -> Option<(String, Option<String>)> {
        let Reach::Schemas(list) = reach(&self.0, &[holder]) else { return None };
        let items = items_of(&list).filter(|_| is_array(&list) && !is_array(&self.0))?;
        if items.iter().all(|item| kind(item) == "string") {
            return Some((format!("response.{holder} | join('; ')"), None));
        }
        let words = WORDS.iter().find(|word| is_text(&items, word))?;
        let code = CODES.iter().find(|code| is_text(&items, code));
        let message = format!("response.{holder} | map(attribute='{words}') | join('; ')");
        Some((message, code.map(|code| format!("response.{holder}[0].{code}"))))
    }

    /// The first of `names` that is a text in the field `holder`, or at the top.
    fn first<'n>(&self, holder: &str, names: &[&'n str]) -> Option<&'n str> {
        let inner = match holder {
            "" => self.0.clone(),
            holder => match reach(&self.0, &[holder]) {
                Reach::Schemas(inner) => inner,
                _ => return None,
            },
        };
        let inner = if is_array(&self.0) || is_array(&inner) { return None } else { inner };
        names.iter().find(|name| is_name(name) && is_text(&inner, name)).copied()
    }
}

fn is_text(schemas: &[Schema<'_>], name: &str) -> bool {
    // What may be anything has every field, and says nothing.
    if !names_of(schemas).contains(&name) {
        return false;
    }
    match reach(schemas, &[name]) {
        Reach::Schemas(found) => {
            found.iter().any(|schema| ["string", "integer"].contains(&kind(schema)))
        }
        // Some failures have it, others may have anything.
        Reach::Anything => true,
        Reach::Missing(..) => false,
    }
}
