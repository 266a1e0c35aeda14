//! The first draft of a `provider.toml`.

use super::auth::auth;
use super::errors::errors;
use super::paging::Paging;
use super::plan::Plan;
use super::toml::text;
use crate::openapi::description::Description;

/// Its text.
pub(super) fn provider(
    description: &Description,
    id: &str,
    plan: &Plan<'_>,
    paging: Option<&Paging>,
) -> String {
    let variable = id.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let mut page = String::from("# A draft; lines with CHECK ask for a person.\n");
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!("name         = {}", text(&capital(id))));
    let (base, is_certain) = base_url(description);
    if !is_certain {
        line("# CHECK: the description does not say where the API is.".to_owned());
    }
    line(format!("base_url     = {}", text(&base)));
    line(format!("base_url_env = [{}]", text(&format!("{variable}_API_URL"))));
    line(String::new());
    line(auth(description, plan, &variable));
    for anchor in plan.anchors.iter().filter(|anchor| anchor.is_provider) {
        let name = anchor.key.to_ascii_uppercase();
        line(format!("[values.{}]", anchor.key));
        line(format!("description = {}", text(&format!("The {}.", words(&anchor.key)))));
        line(format!("env         = [{}]\n", text(&format!("{variable}_{name}"))));
    }
    if let Some(path) = cheapest(description) {
        line("# CHECK: the cheapest call that proves a credential.".to_owned());
        line(format!("[verify]\nrequest = {}\n", text(&format!("GET {path}"))));
    }
    line(errors(plan));
    match paging {
        Some(paging) => {
            paging.lines("default").into_iter().for_each(&mut line);
            line(String::new());
        }
        None => line("# CHECK: how lists go on (`[paging.default]`).".to_owned()),
    }
    line("# CHECK: what is published about rates (`[limits]`).".to_owned());
    page
}

/// Words of a name.
pub(super) fn words(name: &str) -> String {
    name.replace(['_', '-'], " ")
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The first server's URL with its variables filled in, and whether it is a whole one.
fn base_url(description: &Description) -> (String, bool) {
    let servers = description.servers();
    let whole = servers.iter().find(|server| server.contains("://"));
    let server = whole.or(servers.first()).copied().unwrap_or_default();
    let mut url = String::new();
    let mut rest = server;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        let default = description.text(&format!("/servers/0/variables/{name}/default"));
        url.push_str(before);
        url.push_str(default.unwrap_or(name));
        rest = after;
    }
    url.push_str(rest);
    let url = url.trim_end_matches('/').to_owned();
    match url.contains("://") {
        true => (url, true),
        false => (format!("https://api.example.com{url}"), false),
    }
}

/// A call without any parameters that tells who asks.
fn cheapest(description: &Description) -> Option<&str> {
    const LIKELY: [&str; 8] =
        ["account", "user", "me", "whoami", "profile", "self", "accounts", "users"];
    let plain: Vec<&str> = description
        .paths()
        .filter(|(path, _)| !path.contains('{'))
        .filter(|(path, _)| {
            description.operation("get", path).is_some_and(|operation| {
                operation.parameters().iter().all(|parameter| !parameter.required)
            })
        })
        .map(|(path, _)| path)
        .collect();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let likely = LIKELY.iter().find_map(|word| plain.iter().find(|path| last(path) == *word));
    likely.or_else(|| plain.iter().min_by_key(|path| path.len())).copied()
}
