//! Stands between prov and a counterpart: writes down what passes, and may answer in its place.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::wire::Message;

/// The status that stands for an answer that never came.
pub const BROKEN: u16 = 599;

/// A request, and what the counterpart said to it.
#[derive(Clone)]
pub struct Passed {
    /// What was being done.
    pub verb: String,
    pub request: Message,
    pub answer: Message,
}

/// What prov is told, from the verb, what passed before, the request and the counterpart's answer.
pub type Say = dyn Fn(&[Passed], &Passed) -> Message + Send;

#[derive(Default)]
struct State {
    verb: String,
    passed: Vec<Passed>,
    say: Option<Box<Say>>,
}

/// A listener between prov and a counterpart.
pub struct Between {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// Who is asked, and in which words.
pub type Choose = dyn Fn(&Message) -> (SocketAddr, Message) + Send;

impl Between {
    pub fn new(counterpart: SocketAddr) -> Self {
        Self::choosing(Box::new(move |request| (counterpart, request.clone())))
    }

    /// Between prov and several counterparts, one of which is chosen for each request.
    pub fn choosing(choose: Box<Choose>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        // It ends with the process: a listener that waits holds nothing up.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                pass(&stream, choose.as_ref(), &shared);
            }
        });
        Self { address, state }
    }

    /// What is done from now on.
    pub fn begin(&self, verb: &str) {
        verb.clone_into(&mut self.state.lock().unwrap().verb);
    }

    /// How prov is answered from now on.
    pub fn say(&self, say: Box<Say>) {
        self.state.lock().unwrap().say = Some(say);
    }

    /// What passed. It is forgotten here.
    pub fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut self.state.lock().unwrap().passed)
    }
}

fn pass(stream: &TcpStream, choose: &Choose, state: &Mutex<State>) {
    let Ok(Some(request)) = Message::read(stream) else { return };
    let (counterpart, asked) = choose(&request);
    let answered = asked.send(counterpart);
    let is_broken = answered.is_err();
    let answer = answered.unwrap_or_else(|error| {
        Message::answer(BROKEN, &serde_json::json!({ "broken": error.to_string() }))
    });
    let mut state = state.lock().unwrap();
    let passed = Passed { verb: state.verb.clone(), request, answer };
    let said = match &state.say {
        Some(say) => say(&state.passed, &passed),
        None => passed.answer.clone(),
    };
    state.passed.push(passed);
    drop(state);
    if !is_broken {
        let _ = said.write(stream);
    }
}
