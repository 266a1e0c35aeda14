//! A mistake in how lists go on is made once, in the provider's file, and seen at every list.

use brokers::manifest::{Manifest, Paging, Request};
use brokers::openapi::Finding;

/// The same findings; what no list takes of a paging is one finding, at its own place.
pub(super) fn gathered(findings: &[Finding], manifests: &[Manifest]) -> Vec<Finding> {
    let mut gathered: Vec<Finding> = Vec::new();
    for finding in findings {
        let kept = moved(finding, findings, manifests).unwrap_or_else(|| finding.clone());
        if !gathered.iter().any(|known| known.at == kept.at && known.span == kept.span) {
            gathered.push(kept);
        }
    }
    gathered
}

/// The finding at its place in a paging, when every list that goes on like this has it.
fn moved(finding: &Finding, all: &[Finding], manifests: &[Manifest]) -> Option<Finding> {
    let name = sent_name(finding)?;
    let request = request_of(finding, manifests)?;
    let (paging, rules) = followed(request, manifests)?;
    let (_, place) = rules.names.iter().find(|(known, _)| known == name)?;
    let lists = manifests
        .iter()
        .flat_map(requests)
        .filter(|other| other.is_paged() && other.paging_name() == paging && !is_own(other, name));
    let is_refused = |list: &Request| {
        let is_here = |other: &Finding| other.span == Some(list.span);
        all.iter().any(|other| is_here(other) && sent_name(other) == Some(name))
    };
    let mut lists = lists.map(is_refused);
    (!is_own(request, name) && lists.all(|is_refused| is_refused)).then(|| Finding {
        service: "provider".to_owned(),
        at: format!("paging.{paging}.{name}"),
        span: Some(*place),
        ..finding.clone()
    })
}

/// The query parameter that an operation does not take.
fn sent_name(finding: &Finding) -> Option<&str> {
    let (_, name) = finding.at.rsplit_once(".query.")?;
    (finding.rule == "unknown-query").then_some(name)
}

fn request_of<'a>(finding: &Finding, manifests: &'a [Manifest]) -> Option<&'a Request> {
    manifests.iter().flat_map(requests).find(|request| finding.span == Some(request.span))
}

fn requests(manifest: &Manifest) -> Vec<&Request> {
    manifest.service.verbs.values().flat_map(|verb| verb.requests()).collect()
}

/// The paging that a request follows.
fn followed<'a>(request: &'a Request, manifests: &'a [Manifest]) -> Option<(&'a str, &'a Paging)> {
    let name = request.paging_name();
    let paging = manifests.first()?.provider.paging.get(name).filter(|_| request.is_paged())?;
    Some((name, paging))
}

/// Whether a request sends this parameter by itself.
fn is_own(request: &Request, name: &str) -> bool {
    let own = match &request.query {
        Some(brokers::manifest::Tree::Table(entries)) => entries.iter().any(|(key, _)| key == name),
        _ => false,
    };
    own || request.path.literal().is_some_and(|path| path.contains(&format!("{name}=")))
}
