//! Our own providers, which the laws are held against, judged by Prism with the real providers'
//! descriptions: every request and every answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use brokers::manifest::Manifest;
use prov_fake::front::Front;
use prov_fake::laws::law;
use prov_fake::stage::{Fall, Stage};
use prov_fake::wire::{Handler, Reply};
use serde_json::{Value, json};

use crate::between::Passed;
use crate::front::Judged;
use crate::judge::breaches;
use crate::prism::{parts, providers, reason};
use crate::wire::Message;
use crate::{say, unproven};

/// The laws of lives without faults: what a fault breaks is no word of the description.
const LAWS: [u8; 5] = [1, 2, 4, 5, 11];

/// What a description says otherwise than its provider answers: service, a word of the breach, reason.
const ANSWERS: [(&str, &str, &str); 9] = [
    (
        "cloudflare-",
        "response.body.success: Response body property success must be equal to one of",
        "The schema of a failure asks for `success` to be true and false at once.",
    ),
    (
        "cloudflare-",
        "response.body.result: Response body property result must be equal to one of the allowed \
         values: ",
        "The schema asks for `result` to be null and a table at once.",
    ),
    (
        "cloudflare-d1",
        "response.body.result: Response body property result must be object",
        "The schema asks for `result` to be a list and a table at once.",
    ),
    (
        "cloudflare-queue",
        "response.body.result: Response body property result must be array,null",
        "The schema asks for `result` to be a table and a list at once.",
    ),
    (
        "cloudflare-queue",
        "ers must be object",
        "cloudflare@7.3.0 reads lists of consumers and producers.",
    ),
    (
        "cloudflare-www-redirect",
        "target_url must match exactly one schema in oneOf",
        "An expression for `target_url` fits both ways of its oneOf.",
    ),
    (
        "vercel-deployment",
        "response.body: Response body must match exactly one schema in oneOf",
        "One of the two alternatives is any table.",
    ),
    (
        "vercel-domain",
        "response.body: Response body must match exactly one schema in oneOf",
        "The two alternatives are the same in all that they require.",
    ),
    (
        "vercel-env",
        "response.body: Response body must match exactly one schema in oneOf",
        "The alternatives are the same but for fields that may be left out.",
    ),
];

/// What was seen of one service.
struct Row {
    requests: usize,
    /// Excused breaches, by reason.
    excepted: BTreeMap<String, usize>,
    breaches: BTreeMap<String, usize>,
    laws: Vec<String>,
}

#[test]
fn what_the_laws_are_held_against_speaks_as_its_provider() {
    let proof = "that the fakes answer as the providers' descriptions say";
    let Some((counterparts, descriptions)) = parts(proof) else { return };
    let only = std::env::var("LAWS").unwrap_or_default();
    let is_meant = |manifest: &Manifest| {
        only.split(',').any(|id| manifest.service.id.starts_with(id))
            && descriptions.cut(&manifest.provider.id).is_some()
    };
    let todo: Vec<(String, Vec<Manifest>)> = providers()
        .into_iter()
        .map(|(provider, all)| (provider, all.into_iter().filter(is_meant).collect()))
        .filter(|(_, manifests): &(String, Vec<Manifest>)| !manifests.is_empty())
        .collect();
    let (todo, rows) = (Mutex::new(todo), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((provider, manifests)) = todo.lock().unwrap().pop() else { return };
                    let judged = Judged::start(&counterparts, &provider);
                    let Ok(judged) = judged.map_err(|why| unproven(proof, &why)) else { return };
                    let judged = Arc::new(judged);
                    for manifest in manifests {
                        let id = manifest.service.id.clone();
                        let row = hold(&manifest, &judged);
                        rows.lock().unwrap().insert(id, row);
                    }
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    rows.iter().for_each(|(id, row)| row.print(id));
    let failures: Vec<String> = rows.iter().flat_map(|(id, row)| row.failures(id)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is wrong is said: a judge that finds nothing proves nothing.
#[test]
fn what_is_wrong_with_a_request_or_an_answer_is_seen() {
    let proof = "that a wrong answer of a fake is seen";
    let Some((counterparts, _)) = parts(proof) else { return };
    let judged = match Judged::start(&counterparts, "hetzner") {
        Ok(judged) => judged,
        Err(why) => return unproven(proof, &why),
    };
    let of = |id: Value| json!({ "ssh_key": { "id": id, "name": "deploy" } });
    let mut seen = Vec::new();
    for (answer, field) in
        [(of(json!(1)), "name"), (of(json!("one")), "name"), (of(json!(1)), "nam")]
    {
        judged.replace(&(Arc::new(move |_| Reply::of(201, answer.clone())) as Arc<Handler>));
        let body = json!({ (field): "deploy", "public_key": "ssh-ed25519 AAAA" });
        let request = Message {
            body: body.to_string().into_bytes(),
            ..Message::request("POST", "/ssh_keys")
        }
        .with("content-type", "application/json")
        .with("authorization", "Bearer test");
        let answer = request.send(judged.address()).unwrap();
        seen.push(answer.header("sl-violations").is_some());
    }
    assert_eq!(seen, [false, true, true]);
}

fn hold(manifest: &Manifest, judged: &Arc<Judged>) -> Row {
    let folder = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let front = Arc::clone(judged) as Arc<dyn Front>;
    let mut laws = Vec::new();
    runtime.block_on(async {
        let stage = Stage::new(manifest.clone(), &root, front).await;
        for number in LAWS {
            if let Err(Fall::Broken(seen)) = law(number, &stage).await {
                laws.extend(seen.into_iter().map(|seen| format!("law {number}: {seen}")));
            }
        }
    });
    let mut row = Row { requests: 0, excepted: BTreeMap::new(), breaches: BTreeMap::new(), laws };
    for passed in judged.take() {
        row.judge(manifest, &passed);
    }
    row
}

impl Row {
    fn judge(&mut self, manifest: &Manifest, passed: &Passed) {
        self.requests += 1;
        let header = passed.answer.header("sl-violations").unwrap_or("[]");
        let listed = serde_json::from_str(header).map(|list| breaches(&list));
        let mut listed = listed.unwrap_or_else(|_| vec![header.chars().take(500).collect()]);
        if passed.answer.text().contains("stoplight.io/prism/errors") {
            listed.push(passed.answer.text());
        }
        // What fits no alternative is refused in the words of every one of them.
        let is_of_many = |breach: &String| breach.ends_with("exactly one schema in oneOf");
        if listed.iter().any(is_of_many) {
            listed = vec![listed.join("; ")];
        }
        for breach in listed {
            let excuse = ANSWERS.iter().find(|(service, word, _)| {
                manifest.service.id.starts_with(service) && breach.contains(word)
            });
            let excuse = excuse.map(|(.., reason)| (*reason).to_owned());
            match excuse.or_else(|| reason(manifest, "", &breach)) {
                Some(reason) => *self.excepted.entry(reason).or_default() += 1,
                None => {
                    let request = &passed.request;
                    let line = format!("{} {}: {breach}", request.method(), request.path());
                    *self.breaches.entry(line).or_default() += 1;
                }
            }
        }
    }

    fn print(&self, id: &str) {
        let (excepted, breaches) = (self.excepted.len(), self.breaches.len());
        let requests = self.requests;
        say(&format!(
            "{id:28} {requests:4} requests and answers, excepted {excepted}, breaches {breaches}"
        ));
        for (reason, count) in &self.excepted {
            say(&format!("    excepted {count} times: {reason}"));
        }
        for (breach, count) in &self.breaches {
            say(&format!("    BREACH {count} times: {breach}"));
        }
        for law in &self.laws {
            say(&format!("    {law}"));
        }
    }

    fn failures(&self, id: &str) -> Vec<String> {
        let all = self.breaches.keys().chain(&self.laws);
        all.map(|what| format!("{id}: {what}")).collect()
    }
}
