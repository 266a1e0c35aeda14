//! Prism between prov and a provider made of a manifest: requests and answers are both judged, while
//! what is made is kept.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use prov_fake::fill::Filler;
use prov_fake::front::Front;
use prov_fake::wire::{Handler, Received, Reply, serve};

use crate::between::{Between, Passed};
use crate::drive::VALUES;
use crate::judge::{Descriptions, Prism};
use crate::part::Counterparts;
use crate::prism::{TWINS, providers};
use crate::wire::Message;

/// Providers of which services need operations that the cut leaves out; Prism starts slowly with a
/// whole description.
const BEYOND_THE_CUT: [&str; 4] = ["cloudflare", "digitalocean", "hetzner", "vultr"];

/// The descriptions of one provider, for who knows what.
pub struct Atlas {
    cut: Filler,
    full: Option<Filler>,
}

impl Atlas {
    /// The path at which an operation is described, and whether the cut describes it.
    fn seat(&self, method: &str, path: &str) -> (String, bool) {
        let path = described(path);
        let known = self.cut.path(method, &path);
        let all = self.full.as_ref().and_then(|full| full.path(method, &path));
        let is_cut = match (known, all) {
            (Some(cut), Some(full)) => cut == full || holes(cut) == holes(full),
            (known, _) => known.is_some(),
        };
        (path, is_cut || all.is_none())
    }

    fn fill(&self, request: &Received, reply: Reply) -> Reply {
        let (path, is_cut) = self.seat(&request.method, &request.path);
        let request = Received { path, ..request.clone() };
        let filler = if is_cut { Some(&self.cut) } else { self.full.as_ref() };
        filler.map_or(reply.clone(), |filler| filler.fill(&request, reply))
    }
}

/// A path with its variables made the same.
fn holes(path: &str) -> Vec<&str> {
    path.split('/').map(|part| if part.contains('{') { "{}" } else { part }).collect()
}

/// The path as the description knows it.
fn described(path: &str) -> String {
    TWINS.iter().fold(path.to_owned(), |path, (own, twin)| path.replacen(own, twin, 1))
}

/// The path as prov asks for it.
fn asked(path: &str) -> String {
    TWINS.iter().fold(path.to_owned(), |path, (own, twin)| match path.strip_prefix(twin) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{own}{rest}"),
        _ => path,
    })
}

/// A server that fills the answers of whatever provider is put behind it.
pub struct Filled {
    pub url: String,
    behind: Arc<Mutex<Option<Arc<Handler>>>>,
    atlas: Arc<Atlas>,
}

impl Filled {
    /// Starts it with what describes a provider.
    pub fn start(parts: &Counterparts, provider: &str) -> Result<Self, String> {
        let mut descriptions = Descriptions::of(parts)?;
        let cut = descriptions.cut(provider).ok_or("there is no description")?;
        let full = full(&descriptions, provider);
        let mut filler = |path: &PathBuf| Filler::new(descriptions.read(path).clone());
        let atlas = Arc::new(Atlas { cut: filler(&cut), full: full.as_ref().map(&mut filler) });
        let behind: Arc<Mutex<Option<Arc<Handler>>>> = Arc::default();
        let url = upstream(Arc::clone(&atlas), Arc::clone(&behind), base_path(provider));
        Ok(Self { url, behind, atlas })
    }

    /// Puts a provider behind it.
    pub fn place(&self, handler: Arc<Handler>) {
        *self.behind.lock().unwrap() = Some(handler);
    }
}

/// The whole description, where the cut is not enough.
fn full(descriptions: &Descriptions, provider: &str) -> Option<PathBuf> {
    let is_beyond = BEYOND_THE_CUT.contains(&provider);
    descriptions.full(provider).filter(|_| is_beyond)
}

/// Values of providers that fit what their descriptions say of them.
pub fn values() -> BTreeMap<String, String> {
    VALUES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Prism before whatever provider is put behind it.
pub struct Judged {
    between: Between,
    filled: Filled,
    _judges: Vec<Prism>,
}

impl Judged {
    /// Starts the judges of a provider.
    pub fn start(parts: &Counterparts, provider: &str) -> Result<Self, String> {
        let filled = Filled::start(parts, provider)?;
        let descriptions = Descriptions::of(parts)?;
        let cut = descriptions.cut(provider).into_iter();
        let judges = cut.chain(full(&descriptions, provider));
        let judges = judges.map(|description| Prism::proxy(parts, &description, &filled.url));
        let judges = judges.collect::<Result<Vec<Prism>, String>>()?;
        let addresses: Vec<_> = judges.iter().map(Prism::address).collect();
        let atlas = Arc::clone(&filled.atlas);
        let between = Between::choosing(Box::new(move |request| {
            let (path, is_cut) = atlas.seat(request.method(), request.path());
            let address = if is_cut { addresses.first() } else { addresses.last() };
            let start = request.start.replacen(request.path(), &path, 1);
            (*address.unwrap(), Message { start, ..request.clone() })
        }));
        Ok(Self { between, filled, _judges: judges })
    }

    /// Where it is asked.
    pub fn address(&self) -> SocketAddr {
        self.between.address
    }

    /// What passed since the last time.
    pub fn take(&self) -> Vec<Passed> {
        self.between.take()
    }
}

/// The path of the provider's base URL.
fn base_path(provider: &str) -> String {
    let url = providers().remove(provider).unwrap()[0].provider.base_url.clone();
    let (_, behind) = url.split_once("://").unwrap();
    behind.find('/').map_or_else(String::new, |at| behind[at..].trim_end_matches('/').to_owned())
}

/// The server behind the judges.
fn upstream(atlas: Arc<Atlas>, behind: Arc<Mutex<Option<Arc<Handler>>>>, base: String) -> String {
    let handler = move |mut request: Received| {
        // Some clients insist on the provider's own base path.
        if let Some(path) = request.path.strip_prefix(&base) {
            request.path = path.to_owned();
        }
        let seen = request.clone();
        request.path = asked(&request.path);
        let handler = behind.lock().unwrap().clone();
        handler.map_or(Reply::Nothing, |handler| atlas.fill(&seen, handler(request)))
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _ = tell.send(serve(Arc::new(handler)).await);
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

#[async_trait]
impl Front for Judged {
    async fn place(&self, handler: Arc<Handler>) -> String {
        self.filled.place(handler);
        format!("http://{}", self.between.address)
    }

    fn replace(&self, handler: &Arc<Handler>) {
        self.filled.place(Arc::clone(handler));
    }

    fn values(&self) -> BTreeMap<String, String> {
        values()
    }
}
