//! How a list goes on, in the first draft: from what it takes and what it answers.

use provision::text::{Format, Node, parse};
use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::object::{Object, is_array, names_of};
use super::sample::kind;
use super::toml::{is_name, key, table, text};
use crate::openapi::operation::{Operation, Parameter};
use crate::openapi::schema::{Reach, Schema, reach};

/// What says how many there are on a page, without what separates words.
const SIZES: [&str; 8] =
    ["perpage", "pagesize", "limit", "maxresults", "size", "pagelimit", "maxitems", "count"];
const PAGES: [&str; 5] = ["page", "pagenumber", "pageno", "pageindex", "currentpage"];
const OFFSETS: [&str; 4] = ["offset", "skip", "startat", "pageoffset"];
const CURSORS: [&str; 12] = [
    "cursor",
    "after",
    "startingafter",
    "pagetoken",
    "nexttoken",
    "nextcursor",
    "nextpagetoken",
    "continuationtoken",
    "startcursor",
    "pageafter",
    "pagecursor",
    "marker",
];

/// Fields with what comes next, the likeliest first.
const NEXT: [&str; 9] = [
    "nextcursor",
    "nextpagetoken",
    "nexttoken",
    "nextpagecursor",
    "endcursor",
    "nextpage",
    "next",
    "cursor",
    "after",
];
const PAGE_COUNTS: [&str; 7] =
    ["pages", "totalpages", "pagecount", "lastpage", "numpages", "pagescount", "pagetotal"];
const TOTALS: [&str; 6] =
    ["total", "totalcount", "totalresults", "totalitems", "totalentries", "totalsize"];
const MORE: [&str; 4] = ["hasmore", "hasnextpage", "hasnext", "morepages"];

/// Where an answer says how it goes on.
const PLACES: [&[&str]; 14] = [
    &[],
    &["meta"],
    &["pagination"],
    &["meta", "pagination"],
    &["paging"],
    &["page_info"],
    &["pageInfo"],
    &["result_info"],
    &["response_metadata"],
    &["page"],
    &["cursors"],
    &["links"],
    &["meta", "links"],
    &["links", "pages"],
];

/// A page of more is not asked for.
const MOST_ON_A_PAGE: i64 = 1000;

/// How a list goes on.
#[derive(Debug, Default)]
pub(super) struct Paging {
    query: Option<(String, i64)>,
    next: Option<(String, String)>,
    next_url: Option<String>,
    link_header: bool,
    doubt: Option<&'static str>,
}

/// What a service says about it.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The name of the paging; the default where there is none.
    pub(super) name: Option<String>,
    /// What has to be done first.
    pub(super) advice: Vec<String>,
}

/// A list: what it takes and what it answers.
struct List<'o, 'a> {
    parameters: Vec<Parameter<'a>>,
    answer: Vec<Schema<'a>>,
    object: &'o Object<'a>,
}

/// How the list of an object goes on, when that can be told.
pub(super) fn paging<'a>(operation: &Operation<'a>, object: &Object<'a>) -> Option<Paging> {
    object.listed.as_ref()?;
    let parameters = operation.parameters().into_iter().filter(|p| p.place == "query").collect();
    let answer = operation.success().unwrap_or_default();
    let list = List { parameters, answer, object };
    let query = list.size();
    if operation.answers_header("link") {
        return Some(Paging { query, link_header: true, ..Paging::default() });
    }
    let found = list.by_cursor().or_else(|| list.by_url()).or_else(|| list.by_page(&query));
    found.or_else(|| list.by_offset(&query)).map(|found| Paging { query, ..found })
}

impl<'a> List<'_, 'a> {
    /// The first parameter that is called one of `names`.
    fn parameter(&self, names: &[&str]) -> Option<&Parameter<'a>> {
        names.iter().find_map(|name| self.parameters.iter().find(|p| plain(p.name) == *name))
    }

    /// How many are asked for at once.
    fn size(&self) -> Option<(String, i64)> {
        let parameter = self.parameter(&SIZES)?;
        let number = |key: &str| parameter.schema.keyword(key).and_then(Value::as_i64);
        let size = match number("maximum") {
            Some(most) => most.min(MOST_ON_A_PAGE),
            None => number("default").unwrap_or(0).max(100),
        };
        Some((parameter.name.to_owned(), size))
    }

    /// The first field that is called one of `names`, in the order of these, with its path.
    fn field(&self, names: &[&str], is_meant: impl Fn(&Field<'a>) -> bool) -> Option<Field<'a>> {
        if is_array(&self.answer) {
            return None;
        }
        let mut all = Vec::new();
        for place in PLACES {
            let Reach::Schemas(inner) = reach(&self.answer, place) else { continue };
            if is_array(&inner) {
                continue;
            }
            for name in names_of(&inner).into_iter().filter(|name| is_name(name)) {
                if let Reach::Schemas(found) = reach(&inner, &[name])
                    && let Some(schema) = found.into_iter().next()
                {
                    let path = [place, &[name]].concat().join(".");
                    all.push(Field { name: plain(name), path: format!("response.{path}"), schema });
                }
            }
        }
        names.iter().find_map(|name| {
            let at = all.iter().position(|field| field.name == *name && is_meant(field))?;
            Some(all.swap_remove(at))
        })
    }

    fn by_cursor(&self) -> Option<Paging> {
        let parameter = self.parameter(&CURSORS)?;
        let is_cursor = |field: &Field<'a>| {
            ["string", "any", "integer"].contains(&kind(&field.schema)) && !field.is_address()
        };
        if let Some(field) = self.field(&NEXT, is_cursor) {
            let doubt = "whether this is the cursor, or the whole URL of the next page.";
            let next = Paging::next(parameter.name, format!("{{{{ {} }}}}", field.path));
            return Some(Paging { doubt: field.is_url().then_some(doubt), ..next });
        }
        let more = self.field(&MORE, |field| kind(&field.schema) == "boolean")?;
        let listed = self.object.listed.as_ref()?.trim_matches(['{', '}', ' ']);
        let last = format!("{listed}[-1].{}", self.object.id);
        Some(Paging::next(parameter.name, format!("{{{{ {last} if {} }}}}", more.path)))
    }

    fn by_url(&self) -> Option<Paging> {
        let next = self.field(&["next", "nextpage", "nexturl", "nextpageurl"], Field::is_url)?;
        let next_url = Some(format!("{{{{ {} }}}}", next.path));
        Some(Paging { next_url, ..Paging::default() })
    }

    fn by_page(&self, size: &Option<(String, i64)>) -> Option<Paging> {
        let parameter = self.parameter(&PAGES)?;
        let name = parameter.name;
        let is_from_zero = parameter.schema.keyword("default") == Some(&json!(0));
        let next = if is_from_zero { "page" } else { "page + 1" };
        let is = |word: &'static str| move |field: &Field<'a>| kind(&field.schema) == word;
        let if_true = |condition: String| format!("{{{{ {next} if {condition} }}}}");
        if let Some(field) = self.field(&["nextpage", "next"], |field| !field.is_url()) {
            return Some(Paging::next(name, format!("{{{{ {} }}}}", field.path)));
        }
        if let Some(field) = self.field(&PAGE_COUNTS, is("integer")) {
            return Some(Paging::next(name, if_true(format!("{} > page", field.path))));
        }
        if let Some(field) = self.field(&MORE, is("boolean")) {
            return Some(Paging::next(name, if_true(field.path)));
        }
        let is_size_known =
            self.parameter(&SIZES).is_some_and(|p| p.schema.keyword("maximum").is_some());
        if let (Some(field), Some((_, size)), true) =
            (self.field(&TOTALS, is("integer")), size, is_size_known)
        {
            return Some(Paging::next(name, if_true(format!("{} > page * {size}", field.path))));
        }
        let doubt = "how a list ends is not described; this asks until a page is empty.";
        let next = Paging::next(name, if_true("count > 0".to_owned()));
        Some(Paging { doubt: Some(doubt), ..next })
    }

    fn by_offset(&self, size: &Option<(String, i64)>) -> Option<Paging> {
        let parameter = self.parameter(&OFFSETS)?;
        let (_, size) = size.as_ref()?;
        let doubt = "this holds only where so many are on each page but the last.";
        let next = format!("{{{{ page * {size} if count == {size} }}}}");
        Some(Paging { doubt: Some(doubt), ..Paging::next(parameter.name, next) })
    }
}

/// A field of an answer.
struct Field<'a> {
    /// Without what separates words.
    name: String,
    path: String,
    schema: Schema<'a>,
}

impl Field<'_> {
    /// Whether it is a URL, as far as the names of where it is tell.
    fn is_url(&self) -> bool {
        self.is_address() || self.path.contains("links.")
    }

    /// Whether it is described as a URL.
    fn is_address(&self) -> bool {
        let is_address = |value: &Value| {
            value.as_str().is_some_and(|text| text.starts_with("http") || text.starts_with('/'))
        };
        self.name.ends_with("url")
            || matches!(self.schema.text("format"), Some("uri" | "url"))
            || self.schema.keyword("example").is_some_and(is_address)
    }
}

impl Paging {
    fn next(parameter: &str, expression: String) -> Self {
        Self { next: Some((parameter.to_owned(), expression)), ..Self::default() }
    }

    /// Its table in `provider.toml`.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(doubt) = self.doubt {
            lines.push(format!("# CHECK: {doubt}"));
        }
        lines.push(format!("[paging.{}]", key(name)));
        let one = |name: &str, value: Value| table(&Map::from_iter([(name.to_owned(), value)]));
        if let Some((name, size)) = &self.query {
            lines.push(format!("query = {}", one(name, json!(size))));
        }
        if let Some((name, next)) = &self.next {
            lines.push(format!("next  = {}", one(name, json!(next))));
        }
        if let Some(next) = &self.next_url {
            lines.push(format!("next_url = {}", text(next)));
        }
        if self.link_header {
            lines.push("link_header = true".to_owned());
        }
        lines
    }
}

/// What the service says about it, when the provider's file is `known` already, or is drafted with
/// it as its default.
pub(super) fn choose(
    paging: Option<&Paging>,
    list: Option<&Operation<'_>>,
    known: Option<&str>,
) -> Choice {
    let Some(known) = known.and_then(|text| parse(text, Format::Toml, 0).ok()) else {
        return Choice::default();
    };
    let pagings = known.get("paging").map(Node::entries).unwrap_or_default();
    let Some(list) = list.filter(|_| paging.is_some() || !pagings.is_empty()) else {
        return Choice::default();
    };
    let mut fitting = pagings.iter().filter(|entry| fits(&entry.value.to_value(), list));
    let own = fitting.clone().find(|entry| entry.key == "default").or_else(|| fitting.next());
    let has_default = pagings.iter().any(|entry| entry.key == "default");
    match (own, paging) {
        (Some(own), Some(_)) if own.key == "default" => Choice::default(),
        (Some(own), Some(_)) => Choice { name: Some(own.key.clone()), advice: Vec::new() },
        (_, None) => Choice { name: has_default.then(|| "none".to_owned()), advice: Vec::new() },
        (None, Some(paging)) => {
            let name = if has_default { "other" } else { "default" };
            let mut advice = vec![format!(
                "# CHECK: this list goes on in a way that provider.toml does not know. Put this there, and `paging = {}` here:",
                text(name)
            )];
            advice.extend(paging.lines(name).into_iter().map(|line| format!("#     {line}")));
            Choice { name: Some("none".to_owned()), advice }
        }
    }
}

/// Whether a list takes everything that a known paging sends, and answers what it reads.
fn fits(paging: &Value, list: &Operation<'_>) -> bool {
    let parameters = list.parameters();
    let keys = |field: &str| paging.get(field).and_then(Value::as_object).into_iter().flatten();
    let mut sent = keys("query").chain(keys("next"));
    let takes = |name: &str| parameters.iter().any(|p| p.place == "query" && p.name == name);
    let answer = list.success().unwrap_or_default();
    let texts = keys("next").map(|(_, value)| value).chain(paging.get("next_url"));
    let said = texts.map(Value::to_string).collect::<String>();
    let reads = |path: &str| {
        let segments: Vec<&str> = path.split('.').collect();
        !matches!(reach(&answer, &segments), Reach::Missing(..))
    };
    let paths = Regex::new(r"response\.([A-Za-z0-9_.]+)");
    let is_there = paths.is_ok_and(|paths| {
        answer.is_empty()
            || paths
                .captures_iter(&said)
                .all(|found| found.get(1).is_some_and(|m| reads(m.as_str())))
    });
    let mut of_page = parameters.iter().filter(|p| is_of_paging(p));
    // One that sends nothing fits nothing that asks for a page.
    let sends_place = of_page.any(|p| keys("next").any(|(name, _)| name == p.name))
        || paging.get("next_url").is_some()
        || paging.get("link_header").is_some();
    sends_place && is_there && sent.all(|(name, _)| takes(name))
}

/// Whether a query parameter says which page is meant.
pub(crate) fn is_of_paging(parameter: &Parameter<'_>) -> bool {
    let name = plain(parameter.name);
    let names = PAGES.iter().chain(&OFFSETS).chain(&CURSORS);
    parameter.place == "query" && names.into_iter().any(|known| *known == name)
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}
