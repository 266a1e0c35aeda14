//! Counts the effects of a process, and ends it before the one that is chosen.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// The life of a process; clones share it. Every effect it has on the world burns a piece of it.
#[derive(Clone)]
pub struct Fuse(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    ended: Notify,
}

struct State {
    /// How many effects it has had.
    effects: u64,
    /// Before which effect it ends, counted from 1.
    end: Option<u64>,
    is_dead: bool,
    trace: Trace,
}

/// What happened and when, in short: two plays of one seed have one trace.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    hasher: DefaultHasher,
    /// When the first effect was noted.
    start: Option<Instant>,
    /// Every effect in words, when somebody wants to read it.
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace that keeps every effect in words.
    pub fn told() -> Self {
        let lines = Some(Vec::new());
        Self(Arc::new(Mutex::new(Told { lines, ..Told::default() })))
    }

    /// Takes note of something.
    pub fn note(&self, what: &str) {
        let told = &mut *self.0.lock().unwrap();
        let passed = told.start.get_or_insert_with(Instant::now).elapsed();
        (passed, what).hash(&mut told.hasher);
        if let Some(lines) = &mut told.lines {
            lines.push(format!("{:>9} ms  {what}", passed.as_millis()));
        }
    }

    /// A number that stands for all of it.
    pub fn digest(&self) -> u64 {
        self.0.lock().unwrap().hasher.finish()
    }

    /// Everything in words.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone().unwrap_or_default()
    }
}

impl Fuse {
    /// A life that ends before effect `end`, or never.
    pub fn new(end: Option<u64>, trace: Trace) -> Self {
        let state = Mutex::new(State { effects: 0, end, is_dead: false, trace });
        Self(Arc::new(Inner { state, ended: Notify::new() }))
    }

    /// A life that nobody counts.
    pub fn endless() -> Self {
        Self::new(None, Trace::default())
    }

    /// How many effects there were.
    pub fn effects(&self) -> u64 {
        self.0.state.lock().unwrap().effects
    }

    /// Whether it has ended.
    pub fn is_dead(&self) -> bool {
        self.0.state.lock().unwrap().is_dead
    }

    /// Ends it now.
    pub fn kill(&self) {
        self.0.state.lock().unwrap().is_dead = true;
        self.0.ended.notify_waiters();
    }

    /// One effect of a process that does not wait for it. Of a dead one nothing comes any more.
    pub fn burn(&self, what: &str) -> io::Result<()> {
        let mut state = self.0.state.lock().unwrap();
        if !state.is_dead {
            state.effects += 1;
            state.trace.note(what);
            state.is_dead = state.end.is_some_and(|end| state.effects >= end);
        }
        if state.is_dead {
            drop(state);
            self.0.ended.notify_waiters();
            return Err(io::Error::other("the process has ended"));
        }
        Ok(())
    }

    /// One effect of a process; a dead one waits for ever.
    pub async fn pass(&self, what: &str) {
        if self.burn(what).is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What becomes of `work` when its process is stopped for `pause` after effect `at`.
    pub async fn live_stopped<F: Future>(&self, at: u64, pause: Duration, work: F) -> F::Output {
        tokio::pin!(work);
        let mut stopped: Option<Pin<Box<Sleep>>> = None;
        std::future::poll_fn(|context| {
            if let Some(pause) = &mut stopped {
                std::task::ready!(pause.as_mut().poll(context));
            }
            let was_before = self.effects() < at;
            let answer = work.as_mut().poll(context);
            if was_before && self.effects() >= at && answer.is_pending() {
                let pause = stopped.insert(Box::pin(tokio::time::sleep(pause)));
                // Nothing but the end of the pause wakes it.
                assert!(pause.as_mut().poll(context).is_pending());
            }
            answer
        })
        .await
    }

    /// What becomes of `work`; `None` when the process ends before it.
    pub async fn live<F: Future>(&self, work: F) -> Option<F::Output> {
        let ended = self.0.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        if self.is_dead() {
            return None;
        }
        tokio::select! {
            biased;
            () = ended => None,
            output = work => (!self.is_dead()).then_some(output),
        }
    }
}
