//! No more requests than the provider allows: a sliding window for each published rate, and what the
//! provider's own headers say.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::Answer;
use super::call::Call;
use super::timer::Timer;
use super::{Hint, hint};
use crate::manifest::{Limits, Part, Rate, Template};

/// A window is taken for a little longer than it is, because requests do not arrive evenly: by this
/// part of it, and by no less than [`MARGIN_MIN`].
const MARGIN: f64 = 0.02;

/// The least that is added to a window.
const MARGIN_MIN: Duration = Duration::from_millis(50);

/// The longest window that is counted, in seconds: a year.
const WINDOW_MAX: u64 = 366 * 24 * 60 * 60;

/// The accounts that are spoken to. Who speaks for the same account shares its rates.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Mutex<HashMap<String, Arc<Limiter>>>>);

impl Accounts {
    /// What lets requests through for the account of this name.
    pub(crate) fn of(&self, name: &str, limits: &Limits, timer: &Arc<dyn Timer>) -> Arc<Limiter> {
        let open = || Arc::new(Limiter::new(limits, Arc::clone(timer)));
        match self.0.lock() {
            Ok(mut known) => Arc::clone(known.entry(name.to_owned()).or_insert_with(open)),
            Err(_) => open(),
        }
    }
}

/// Lets requests through at the published rates.
pub struct Limiter {
    timer: Arc<dyn Timer>,
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    windows: Vec<Window>,
    blocked_until: Duration,
}

/// The right to have one request under way.
pub struct Permit(
    #[expect(dead_code, reason = "it is given back when dropped")] Option<OwnedSemaphorePermit>,
);

/// When the last requests were sent that one rate counts.
struct Window {
    /// Which requests it counts; `None` for all.
    of: Option<(String, Template)>,
    requests: usize,
    length: Duration,
    sent: VecDeque<Duration>,
}

impl Window {
    fn new(rate: Rate, of: Option<(String, Template)>) -> Self {
        let length = Duration::from_secs(rate.seconds.min(WINDOW_MAX));
        let length = length + length.mul_f64(MARGIN).max(MARGIN_MIN);
        let requests = usize::try_from(rate.requests).unwrap_or(usize::MAX);
        Self { of, requests, length, sent: VecDeque::new() }
    }

    fn counts(&self, call: &Call) -> bool {
        let Some((method, path)) = &self.of else { return true };
        *method == call.method && covers(path, &call.path)
    }

    /// When one more may be sent.
    fn free_at(&self) -> Duration {
        match self.sent.len() < self.requests {
            true => Duration::ZERO,
            false => {
                self.sent.front().map_or(Duration::ZERO, |first| first.saturating_add(self.length))
            }
        }
    }

    fn note(&mut self, now: Duration) {
        if self.sent.len() >= self.requests {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
    }
}

impl Limiter {
    pub(super) fn new(limits: &Limits, timer: Arc<dyn Timer>) -> Self {
        let paths = limits.paths.iter();
        let paths = paths
            .map(|(method, path, rate)| Window::new(*rate, Some((method.clone(), path.clone()))));
        let whole = limits.rates.iter().map(|rate| Window::new(*rate, None));
        let windows = whole.chain(paths).collect();
        Self {
            timer,
            permits: Arc::new(Semaphore::new(limits.concurrency.min(Semaphore::MAX_PERMITS))),
            state: Mutex::new(State { windows, blocked_until: Duration::ZERO }),
        }
    }

    /// Waits until `call` may be sent.
    pub(super) async fn enter(&self, call: &Call) -> Permit {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        while let Some(wait) = self.take(call) {
            self.timer.sleep(wait).await;
        }
        Permit(permit)
    }

    /// Counts a request, or says how long until there may be one.
    fn take(&self, call: &Call) -> Option<Duration> {
        let Ok(mut state) = self.state.lock() else { return None };
        let now = self.timer.elapsed();
        let windows = state.windows.iter().filter(|window| window.counts(call));
        let free = windows.map(Window::free_at).max().unwrap_or_default();
        let free = free.max(state.blocked_until);
        if free > now {
            return Some(free - now);
        }
        let windows = state.windows.iter_mut().filter(|window| window.counts(call));
        windows.for_each(|window| window.note(now));
        None
    }

    /// Takes note of what the provider says about its rate: nobody asks before there is more.
    pub(super) fn learn(&self, answer: &Answer, limits: &Limits) {
        let now = self.timer.elapsed();
        let wait = match (answer.status, hint(answer, limits)) {
            (429, Hint { wait, .. }) => wait,
            (_, Hint { is_exhausted: true, wait }) => wait,
            _ => None,
        };
        let wait = wait.filter(|wait| *wait <= limits.patience());
        if let (Some(wait), Ok(mut state)) = (wait, self.state.lock()) {
            state.blocked_until = state.blocked_until.max(now + wait);
        }
    }
}

/// Whether a path with expressions covers the path of a call: an expression stands for a segment.
fn covers(path: &Template, of_call: &str) -> bool {
    let text: String = path
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Expression { .. } => "*",
        })
        .collect();
    let (mut wanted, mut given) = (text.split('/'), of_call.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(w), Some(g)) if w == "*" || w == g => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::http::{Patience, Payload};

    /// The time of a runtime that is paused.
    struct Paused(tokio::time::Instant);

    #[async_trait::async_trait]
    impl Timer for Paused {
        fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }

        async fn sleep(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }
    }

    fn call() -> Call {
        Call {
            method: "GET".to_owned(),
            url: String::new(),
            path: "/things".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            payload: Payload::Empty,
            is_safe: true,
            patience: Patience::of(Duration::ZERO),
        }
    }

    /// Every window of every rate holds no more than is allowed, with sixteen that ask at once; and it takes
    /// no longer than it has to.
    async fn check(rates: &[(u64, u64)], requests: usize, ideal: u64) {
        let rates: Vec<Rate> = rates
            .iter()
            .map(|(requests, seconds)| Rate { requests: *requests, seconds: *seconds })
            .collect();
        let limits = Limits { rates: rates.clone(), ..Limits::default() };
        let timer: Arc<dyn Timer> = Arc::new(Paused(tokio::time::Instant::now()));
        let limiter = Arc::new(Limiter::new(&limits, Arc::clone(&timer)));
        let sent = Mutex::new(Vec::new());
        let work = (0..16).map(|worker| {
            let (limiter, timer, sent) = (&limiter, &timer, &sent);
            async move {
                for _ in (worker..requests).step_by(16) {
                    let _permit = limiter.enter(&call()).await;
                    sent.lock().unwrap().push(timer.elapsed());
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
        join_all(work).await;
        let sent = sent.into_inner().unwrap();
        assert_eq!(sent.len(), requests);
        for rate in &rates {
            let most = usize::try_from(rate.requests).unwrap();
            for (first, last) in sent.iter().zip(sent.iter().skip(most)) {
                assert!(*last - *first >= Duration::from_secs(rate.seconds), "{rate:?}");
            }
        }
        let took = timer.elapsed().as_secs_f64();
        // What is under way takes its time: twenty milliseconds for eight at once.
        let under_way = requests as f64 * 0.02 / 8.0;
        assert!(
            took <= (ideal as f64 + under_way) * 1.1 + 0.1,
            "{rates:?}: {took} s for {ideal} s"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_holds_more_and_none_is_left_unused() {
        check(&[], 900, 0).await;
        check(&[(25, 1)], 900, 35).await;
        check(&[(250, 60), (5000, 3600)], 900, 180).await;
        check(&[(250, 60), (5000, 3600)], 12_000, 7440).await;
        check(&[(1200, 300), (200, 1)], 3000, 600).await;
        check(&[(3600, 3600)], 9000, 7200).await;
    }

    #[test]
    fn no_limit_is_too_large_to_be_kept() {
        let rates = vec![Rate { requests: 1, seconds: u64::MAX }];
        let limits = Limits { rates, concurrency: usize::MAX, ..Limits::default() };
        let limiter = Limiter::new(&limits, Arc::new(crate::http::RealTimer::default()));
        assert_eq!(limiter.take(&call()), None);
        assert!(limiter.take(&call()) > Some(Duration::from_secs(WINDOW_MAX - 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_one_account_shares_its_rates() {
        let limits =
            Limits { rates: vec![Rate { requests: 10, seconds: 60 }], ..Limits::default() };
        let timer: Arc<dyn Timer> = Arc::new(Paused(tokio::time::Instant::now()));
        let accounts = Accounts::default();
        let (one, same, other) = (
            accounts.of("a", &limits, &timer),
            accounts.of("a", &limits, &timer),
            accounts.of("b", &limits, &timer),
        );
        for _ in 0..5 {
            drop((one.enter(&call()).await, same.enter(&call()).await, other.enter(&call()).await));
        }
        assert_eq!(timer.elapsed(), Duration::ZERO);
        drop(other.enter(&call()).await);
        assert_eq!(timer.elapsed(), Duration::ZERO);
        drop(same.enter(&call()).await);
        assert!(timer.elapsed() >= Duration::from_secs(60));
    }
}
