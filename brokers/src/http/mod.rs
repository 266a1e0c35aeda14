//! HTTP as every provider needs it: authentication, rates, repetition, and answers that can be trusted.

mod answer;
mod call;
mod failure;
mod hint;
mod limit;
pub(crate) mod redact;
mod timer;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use provision::broker::{BrokerError, ErrorKind};
use reqwest::redirect::Policy;

pub use answer::Answer;
pub use call::{Call, Part, Payload, encode_query, encode_segment};
use hint::{Hint, hint};
pub use limit::{Accounts, Limiter};
pub use redact::Redactor;
pub use timer::{Patience, RealTimer, Timer};

use crate::manifest::Limits;

/// The longest answer that is read, in bytes.
pub const BODY_MAX: usize = 16 << 20;

/// The most values, lists and tables included, of an answer that is read.
pub const VALUES_MAX: usize = 500_000;

/// Attempts at one call, the first included, where nobody said otherwise.
const ATTEMPTS_MAX: u32 = 5;

/// The shortest time that an answer is waited for.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// The longest a provider may make us wait for one attempt.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(120);

/// Speaks to one provider.
pub struct Client {
    inner: reqwest::Client,
    limiter: Arc<Limiter>,
    timer: Arc<dyn Timer>,
    limits: Limits,
    attempts: u32,
    /// What must not be shown.
    pub redactor: Redactor,
}

impl Client {
    /// A client that keeps `limits` and makes so many attempts at one call.
    ///
    /// # Errors
    /// When there is no TLS to be had, e.g. because the certificates of `SSL_CERT_FILE` cannot be read.
    pub fn new(
        limits: &Limits,
        (limiter, timer): (Arc<Limiter>, Arc<dyn Timer>),
        attempts: Option<u32>,
    ) -> Result<Self, BrokerError> {
        // Somebody else in this process may have chosen already, which is as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let inner = reqwest::Client::builder()
            .user_agent(concat!("prov/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(limits.timeout))
            .connect_timeout(Duration::from_secs(limits.timeout.min(15)))
            .redirect(Policy::custom(same_host))
            .build()
            .map_err(|error| {
                let message = format!("no HTTP client: {}", failure::causes(&error));
                BrokerError::new(ErrorKind::Failed, message)
                    .help("Check SSL_CERT_FILE, HTTPS_PROXY and the system's certificates.")
            })?;
        let attempts = attempts.unwrap_or(ATTEMPTS_MAX).max(1);
        let (limits, redactor) = (limits.clone(), Redactor::default());
        Ok(Self { inner, limiter, timer, limits, attempts, redactor })
    }

    /// The same client, which does not show what `redactor` knows.
    #[must_use]
    pub fn hiding(self, redactor: Redactor) -> Self {
        Self { redactor, ..self }
    }

    /// Sends a call, again where that is safe, and answers what came back, a failure too.
    ///
    /// # Errors
    /// When no answer could be had, or one that cannot be read. [`ErrorKind::Unknown`] when the
    /// provider may have acted on it all the same.
    pub async fn send(&self, call: &Call) -> Result<Answer, BrokerError> {
        let mut attempt = 1;
        let mut is_unsure = false;
        loop {
            let _permit = self.limiter.enter(call).await;
            let started = self.timer.elapsed();
            let outcome = self.attempt(call).await;
            if !outcome.as_ref().is_ok_and(|answer| answer.status < 500) {
                call.patience.spend(self.timer.elapsed().saturating_sub(started));
            }
            let is_rate = outcome.as_ref().is_ok_and(|answer| answer.status == 429);
            let pause = match &outcome {
                Ok(answer) => self.pause_after(call, answer, attempt),
                Err(error) => self.pause_after_error(call, error, attempt),
            };
            let pause = pause.filter(|pause| is_rate || call.patience.spend(*pause));
            let Some(pause) = pause else {
                return match outcome {
                    Ok(answer) => Ok(Answer { is_unsure, ..answer }),
                    Err(error) if is_unsure => {
                        let error = BrokerError { kind: ErrorKind::Unknown, ..error };
                        Err(self.redactor.error(error))
                    }
                    Err(error) => Err(self.redactor.error(error)),
                };
            };
            is_unsure |= call.acts() && may_have_acted(&outcome);
            drop(_permit);
            tracing::debug!(seconds = pause.as_secs_f64(), attempt, "asking again");
            self.timer.sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, BrokerError> {
        let started = self.timer.elapsed();
        tracing::debug!(method = %call.method, url = %self.redactor.text(&call.url), "request");
        if tracing::enabled!(tracing::Level::DEBUG)
            && let Some(body) = call.payload.shown()
        {
            tracing::debug!(body = %self.redactor.body(body.as_bytes()), "request body");
        }
        let request = call.build(&self.inner)?;
        let most = Duration::from_secs(self.limits.timeout);
        let request = request.timeout(most.min(call.patience.left()).max(TIMEOUT_MIN));
        let response = request.send().await.map_err(|error| failure::of(&error, call))?;
        let status = response.status().as_u16();
        let headers = answer::headers_of(&response);
        let redirect = response.headers().get("location").cloned();
        let body = read(response, call).await?;
        let took = self.timer.elapsed().saturating_sub(started);
        tracing::debug!(status, ms = took.as_millis(), bytes = body.len(), "answer");
        if (300..400).contains(&status) && status != 304 {
            let to = redirect.and_then(|to| to.to_str().map(str::to_owned).ok());
            return Err(failure::redirected(call, &to.unwrap_or_default()));
        }
        let answer = Answer::new(status, headers, &body, call).inspect_err(|_| {
            // One that can be read is shown by who knows which of it is secret.
            tracing::debug!(body = %self.redactor.body(&body), "answer body");
        })?;
        self.limiter.learn(&answer, &self.limits);
        Ok(answer)
    }

    /// How long to wait before the next attempt, when there is to be one.
    fn pause_after(&self, call: &Call, answer: &Answer, attempt: u32) -> Option<Duration> {
        let is_rate = answer.status == 429;
        // Too many requests is no fault of the call, and the windows of rates are long.
        let most = if is_rate { self.attempts.saturating_mul(2) - 1 } else { self.attempts };
        if attempt >= most {
            return None;
        }
        // One that never came to its end was not acted on either.
        let is_lost = answer.status == 408;
        let is_again = is_rate || is_lost || (call.is_safe && matches!(answer.status, 500..=504));
        if !is_again {
            return None;
        }
        let wanted = match is_rate {
            true => hint(answer, &self.limits).wait,
            false => answer.retry_after(),
        };
        let wait = wanted.unwrap_or_else(|| growing(attempt, is_rate));
        let most = if is_rate { self.limits.patience() } else { WAIT_MAX };
        (wait <= most).then_some(wait)
    }

    fn pause_after_error(
        &self,
        call: &Call,
        error: &BrokerError,
        attempt: u32,
    ) -> Option<Duration> {
        let is_again = match error.kind {
            ErrorKind::Unavailable => attempt < self.attempts.min(3),
            ErrorKind::Unknown => call.is_safe && attempt < self.attempts,
            _ => false,
        };
        is_again.then(|| growing(attempt, false))
    }
}

/// Whether an attempt may have been acted on although it did not end well.
fn may_have_acted(outcome: &Result<Answer, BrokerError>) -> bool {
    match outcome {
        Ok(answer) => answer.status >= 500,
        Err(error) => error.kind == ErrorKind::Unknown,
    }
}

/// Half a second, a second, two, … and up to half as much again, so that many do not come at once.
fn growing(attempt: u32, is_rate: bool) -> Duration {
    let base = Duration::from_millis(if is_rate { 1000 } else { 250 });
    let whole = base.saturating_mul(1 << attempt.min(6));
    let mut byte = [0];
    // Without randomness there is no jitter, which harms nobody.
    let _ = getrandom::fill(&mut byte);
    let [jitter] = byte;
    whole + whole.mul_f64(f64::from(jitter) / 512.0)
}

/// A redirect is followed on the host that was asked, and nowhere else: credentials stay there.
fn same_host(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let host = |url: &reqwest::Url| {
        (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default())
    };
    let is_same =
        attempt.previous().first().is_some_and(|first| host(first) == host(attempt.url()));
    if is_same && attempt.previous().len() < 5 { attempt.follow() } else { attempt.stop() }
}

/// The body of an answer, up to [`BODY_MAX`].
async fn read(response: reqwest::Response, call: &Call) -> Result<Vec<u8>, BrokerError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| failure::of(&error, call))?;
        if body.len() + chunk.len() > BODY_MAX {
            return Err(failure::too_long(call));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
