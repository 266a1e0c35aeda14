//! What the headers of an answer say about how many requests are left.

use std::time::Duration;

use super::answer::Answer;
use crate::manifest::Limits;

/// What a provider says about its rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hint {
    /// Whether none are left.
    pub(super) is_exhausted: bool,
    /// How long until there are more.
    pub(super) wait: Option<Duration>,
}

/// Reads `Retry-After`, the headers that the manifest names, and `RateLimit` of the IETF's draft.
pub(super) fn hint(answer: &Answer, limits: &Limits) -> Hint {
    let number = |name: &Option<String>| -> Option<f64> {
        answer.header(name.as_deref()?)?.trim().parse().ok()
    };
    let (left, reset) = match number(&limits.remaining_header) {
        Some(left) => {
            (Some(left), number(&limits.reset_header).map(|reset| (reset, limits.reset_is_epoch)))
        }
        None => {
            let (left, reset) = answer.header("ratelimit").map(fields).unwrap_or_default();
            (left, reset.map(|reset| (reset, false)))
        }
    };
    let until = reset.map(|(reset, is_epoch)| match is_epoch {
        true => reset - now_of(answer),
        false => reset,
    });
    let until = until.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    let is_exhausted = left.is_some_and(|left| left < 1.0);
    let wait = answer.retry_after().or(until.filter(|_| is_exhausted || answer.status == 429));
    Hint { is_exhausted, wait }
}

/// The provider's own clock tells how far away its time of day is; without it, ours has to do.
fn now_of(answer: &Answer) -> f64 {
    let date = answer.header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let now = date.map_or_else(jiff::Timestamp::now, |date| date.timestamp());
    now.as_second() as f64
}

/// `"default";r=50;t=30`: fifty are left, for thirty seconds. Of several policies the tightest.
fn fields(header: &str) -> (Option<f64>, Option<f64>) {
    let field = |policy: &str, name: &str| {
        let mut fields = policy.split(';').filter_map(|field| field.trim().split_once('='));
        fields.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok())
    };
    let policies = header.split(',').map(|policy| (field(policy, "r"), field(policy, "t")));
    policies
        .filter(|(left, _): &(Option<f64>, _)| left.is_some())
        .min_by(|one, other| one.0.partial_cmp(&other.0).unwrap_or(std::cmp::Ordering::Equal))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    fn check(status: u16, headers: &[(&str, &str)], is_exhausted: bool, wait: Option<u64>) {
        let headers: Map<String, Value> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let answer = Answer { status, headers, body: Value::Null, length: 0, is_unsure: false };
        let limits = Limits {
            remaining_header: Some("x-left".to_owned()),
            reset_header: Some("x-reset".to_owned()),
            ..Limits::default()
        };
        let wanted = Hint { is_exhausted, wait: wait.map(Duration::from_secs) };
        assert_eq!(hint(&answer, &limits), wanted, "{:?}", answer.headers);
    }

    #[test]
    fn each_way_of_saying_it_is_understood() {
        let date = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");
        check(200, &[], false, None);
        check(200, &[("x-left", "3"), ("x-reset", "1795262430"), date], false, None);
        check(200, &[("x-left", "0"), ("x-reset", "1795262430"), date], true, Some(30));
        check(429, &[("x-left", "0"), ("x-reset", "1795262430"), date], true, Some(30));
        check(429, &[("retry-after", "7"), ("x-left", "0"), ("x-reset", "9"), date], true, Some(7));
        check(200, &[("ratelimit", "\"default\";r=50;t=30")], false, None);
        check(200, &[("ratelimit", "\"burst\";r=9;t=5, \"day\";r=0;t=60")], true, Some(60));
        check(429, &[("ratelimit", "\"default\";r=0;t=30")], true, Some(30));
        check(429, &[("ratelimit", "nonsense")], false, None);
        check(200, &[("x-left", "0"), ("x-reset", "-1e300"), date], true, Some(0));
    }
}
