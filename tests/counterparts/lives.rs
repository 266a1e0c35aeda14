//! The whole life of services, by the program itself, at servers that keep what was made.

use prov_test::Sandbox;
use serde_json::Value;

use crate::part::Counterparts;
use crate::server::{Emulator, Faults, GITHUB, Provider, STRIPE, VERCEL};
use crate::{say, unproven};

/// What becomes of a config at a provider.
struct Life {
    provider: Provider,
    /// What is lived.
    what: &'static str,
    config: &'static str,
    /// A text of the config and what it becomes.
    change: Option<(&'static str, &'static str)>,
    /// What to ask the provider, and how many objects of ours its answer then has.
    asked: &'static str,
    count: fn(&Value) -> usize,
    /// Whether the provider shows the change.
    is_changed: fn(&Value) -> bool,
}

const REPOSITORY: Life = Life {
    provider: GITHUB,
    what: "github-repository of a user",
    config: r#"
        project = "shop"
        [[instances]]
        ref = "code"
        service = "github-repository"
        name = "storefront"
        [instances.params]
        owner = "admin"
        private = true
        description = "The shop."
        topics = ["shop", "web"]
    "#,
    change: Some(("The shop.", "The front of the shop.")),
    asked: "/user/repos?per_page=100",
    count: |answer| named(answer, "storefront"),
    is_changed: |answer| answer.to_string().contains("The front of the shop."),
};

const OF_AN_ORGANISATION: Life = Life {
    what: "github-repository of an organisation",
    config: r#"
        project = "shop"
        [[instances]]
        ref = "code"
        service = "github-repository"
        name = "storefront"
        params = { owner = "acme", private = true, description = "The shop.", has_wiki = false }
    "#,
    asked: "/repos/acme/storefront",
    count: |answer| usize::from(answer["owner"]["login"] == "acme"),
    ..REPOSITORY
};

const PROJECT: Life = Life {
    provider: VERCEL,
    what: "vercel-project",
    config: r#"
        project = "shop"
        [[instances]]
        ref = "web"
        service = "vercel-project"
        name = "shop-web"
        params = { framework = "nextjs", build_command = "npm run build" }
    "#,
    change: Some(("npm run build", "npm run make")),
    asked: "/v10/projects",
    count: |answer| named(&answer["projects"], "shop-web"),
    is_changed: |answer| answer.to_string().contains("npm run make"),
};

const DOMAIN: Life = Life {
    what: "vercel-domain of a vercel-project",
    config: r#"
        project = "shop"
        [[instances]]
        ref = "web"
        service = "vercel-project"
        name = "shop-web"
        [[instances]]
        ref = "www"
        service = "vercel-domain"
        name = "www.example.com"
        params = { project_id = "@web.id", redirect_status_code = 307, redirect = "example.com" }
    "#,
    change: Some(("307", "308")),
    asked: "/v9/projects/shop-web/domains",
    count: |answer| named(&answer["domains"], "www.example.com"),
    is_changed: |answer| answer["domains"][0]["redirectStatusCode"] == 308,
    ..PROJECT
};

const DEPLOYMENT: Life = Life {
    what: "vercel-deployment of a vercel-project",
    config: r#"
        project = "shop"
        [[instances]]
        ref = "web"
        service = "vercel-project"
        name = "shop-web"
        [[instances]]
        ref = "live"
        service = "vercel-deployment"
        name = "live"
        params = { project_id = "@web.id", folder = "site" }
    "#,
    change: None,
    asked: "/v6/deployments",
    count: |answer| answer["deployments"].as_array().map_or(0, Vec::len),
    ..PROJECT
};

const PRODUCT: Life = Life {
    provider: STRIPE,
    what: "stripe-product",
    config: r#"
        project = "shop"
        [[instances]]
        ref = "team"
        service = "stripe-product"
        name = "Team plan"
        params = { description = "Everything a team needs.", metadata = { tier = "team" } }
    "#,
    change: None,
    asked: "/v1/products?limit=100",
    count: |answer| named(&answer["data"], "Team plan"),
    is_changed: |_| true,
};

fn named(list: &Value, name: &str) -> usize {
    list.as_array().into_iter().flatten().filter(|one| one["name"] == name).count()
}

/// What `emulate` 0.12.2 has nothing of, or has otherwise than the provider.
const GAPS: [(&str, &str); 7] = [
    ("github-actions-secret", "it has no public key and no secrets"),
    ("github-actions-variable", "it has no variables"),
    ("github-deploy-key", "it has no deploy keys"),
    ("vercel-env", "it answers 200 with `envs` to the creation and shows no single variable"),
    ("stripe-product", "it has neither update nor removal, and shows `active` as a text"),
    ("stripe-price", "it shows no `recurring`, and has neither update nor archive"),
    ("stripe-webhook-endpoint", "it has none"),
];

impl Life {
    fn count(&self, emulator: &Emulator) -> usize {
        let (status, answer) = emulator.show(self.asked);
        if status == 200 { (self.count)(&answer) } else { 0 }
    }

    fn begin(&self, sandbox: &Sandbox) {
        sandbox.file("prov.toml", self.config);
        sandbox.file("site/index.html", "<!doctype html><title>Shop</title>");
        sandbox.file("site/about/us.html", "<!doctype html><title>Us</title>");
    }

    /// From nothing to nothing, each step looked at from both sides.
    fn live(&self, emulator: &Emulator) {
        let sandbox = emulator.sandbox(None);
        self.begin(&sandbox);
        sandbox.run("plan --exit-code").exits(2);
        assert_eq!(self.count(emulator), 0, "{}: a plan changes nothing", self.what);
        sandbox.run("apply --yes").ok();
        assert_eq!(self.count(emulator), 1, "{}: made", self.what);
        self.is_settled(&sandbox);
        if let Some((from, to)) = self.change {
            sandbox.file("prov.toml", self.config.replace(from, to));
            sandbox.run("plan --exit-code").exits(2);
            assert!(!(self.is_changed)(&emulator.show(self.asked).1), "{}: planned", self.what);
            sandbox.run("apply --yes").ok();
            assert!((self.is_changed)(&emulator.show(self.asked).1), "{}: changed", self.what);
            self.is_settled(&sandbox);
        }
        sandbox.run("teardown --yes --force").ok();
        assert_eq!(self.count(emulator), 0, "{}: gone", self.what);
        sandbox.run("plan --exit-code").exits(2);
        say(&format!("{:40} lived from nothing to nothing at emulate", self.what));
    }

    fn is_settled(&self, sandbox: &Sandbox) {
        sandbox.run("plan --exit-code").ok();
        sandbox.run("pull").ok();
        sandbox.run("plan --exit-code").ok();
    }

    /// One object and a clean plan after at most two plain applies, whatever is broken on the way.
    fn survive(
        &self,
        parts: &Counterparts,
        emulator: &Emulator,
        (request, kind): (&str, &str),
    ) -> Result<(), String> {
        let rules = format!("{request}:{kind}");
        let faults = Faults::before(parts, emulator, &rules)?;
        let sandbox = emulator.sandbox(Some(&faults));
        self.begin(&sandbox);
        let first = sandbox.run("apply --yes");
        let applies = if first.status == 0 { 1 } else { 2 };
        if first.status != 0 {
            sandbox.run("apply --yes").ok();
        }
        assert_eq!(self.count(emulator), 1, "{}, {rules}: one object\n{first}", self.what);
        sandbox.run("plan --exit-code").ok();
        if self.provider.name != STRIPE.name {
            sandbox.run("pull").ok();
            sandbox.run("teardown --yes --force").ok();
            assert_eq!(self.count(emulator), 0, "{}, {rules}: gone", self.what);
        }
        assert!(faults.broken(request) > 0, "{}, {rules}: nothing was broken", self.what);
        say(&format!("{:40} {rules}: one object after {applies} apply", self.what));
        Ok(())
    }
}

fn emulator(proof: &str, provider: Provider) -> Option<(Counterparts, Emulator)> {
    let found = Counterparts::find().and_then(|parts| {
        let emulator = Emulator::start(&parts, provider)?;
        Ok((parts, emulator))
    });
    found.map_err(|why| unproven(proof, &why)).ok()
}

fn lives(provider: Provider, lives: &[Life]) {
    let proof = format!("the life of what is at {}", provider.name);
    let Some((_parts, emulator)) = emulator(&proof, provider) else { return };
    lives.iter().for_each(|life| life.live(&emulator));
}

#[test]
fn what_is_at_github_lives() {
    lives(GITHUB, &[REPOSITORY, OF_AN_ORGANISATION]);
}

#[test]
fn what_is_at_vercel_lives() {
    lives(VERCEL, &[PROJECT, DOMAIN, DEPLOYMENT]);
}

#[test]
fn what_is_at_stripe_lives_as_far_as_it_is_emulated() {
    for (service, why) in GAPS {
        unproven(&format!("the life of {service}"), &format!("emulate 0.12.2: {why}"));
    }
    let Some((_parts, emulator)) = emulator("the creation of a product", STRIPE) else { return };
    let sandbox = emulator.sandbox(None);
    PRODUCT.begin(&sandbox);
    sandbox.run("apply --yes").ok();
    sandbox.run("plan --exit-code").ok();
    assert_eq!(PRODUCT.count(&emulator), 1);
    let twin = emulator.sandbox(None);
    PRODUCT.begin(&twin);
    let refused = twin.run("apply --yes").exits(1);
    assert!(refused.raw.contains("prov import team"), "{refused}");
    assert_eq!(PRODUCT.count(&emulator), 1, "what is there is not made again");
    say("stripe-product                           made once at emulate, and found there");
}

/// Breaks the requests that begin with `request` in each way, one after the other.
fn broken(life: &Life, request: &str, kinds: &[&str]) {
    let proof = format!("that {} outlives a broken connection", life.what);
    let Some((parts, emulator)) = emulator(&proof, life.provider) else { return };
    for &kind in kinds {
        if let Err(why) = life.survive(&parts, &emulator, (request, kind)) {
            return unproven(&proof, &why);
        }
    }
}

const KINDS: [&str; 5] = ["drop-response:1", "429:1", "503:1", "truncate:1", "garbage:1"];

#[test]
fn a_repository_outlives_a_broken_connection() {
    broken(&REPOSITORY, "POST /user/repos", &KINDS);
    broken(&REPOSITORY, "GET /repos/admin/storefront", &["drop-response:2", "503:2", "garbage:1"]);
    broken(&REPOSITORY, "DELETE /repos/admin/storefront", &["drop-response:1", "503:1"]);
}

#[test]
fn a_vercel_project_outlives_a_broken_connection() {
    broken(&PROJECT, "POST /v11/projects", &KINDS);
    broken(&PROJECT, "DELETE /v9/projects/", &["drop-response:1"]);
}

#[test]
fn a_vercel_domain_outlives_a_broken_connection() {
    broken(&DOMAIN, "POST /v10/projects/", &KINDS);
}

#[test]
fn a_vercel_deployment_outlives_a_broken_connection() {
    broken(&DEPLOYMENT, "POST /v13/deployments", &KINDS);
    broken(&DEPLOYMENT, "POST /v2/files", &["drop-response:1", "429:1"]);
}

#[test]
fn a_stripe_product_outlives_a_provider_that_is_busy() {
    let proof = "that stripe-product outlives a lost answer";
    unproven(proof, "emulate 0.12.2 ignores Idempotency-Key, so asking again makes a twin there");
    broken(&PRODUCT, "POST /v1/products", &["429:1"]);
    broken(&PRODUCT, "POST /v1/products", &["503:1"]);
}
