//! Reading params. The engine has checked them already, so a wrong type is a defect of a manifest or
//! a hand-edited journal: it is reported, never trusted.

use serde_json::Value;

use provision::broker::BrokerError;
use provision::value::Resolved;

use super::invalid;

pub(super) fn required_text<'a>(params: &'a Resolved, key: &str) -> Result<&'a str, BrokerError> {
    text(params, key)?.ok_or_else(|| invalid(format!("the param `{key}` is missing")))
}

pub(super) fn text<'a>(params: &'a Resolved, key: &str) -> Result<Option<&'a str>, BrokerError> {
    read(params, key, "a text", Value::as_str)
}

pub(super) fn flag(params: &Resolved, key: &str) -> Result<bool, BrokerError> {
    Ok(read(params, key, "true or false", Value::as_bool)?.unwrap_or(false))
}

/// The whole number under `key`, `default` when absent.
pub(super) fn integer(
    params: &Resolved,
    key: &str,
    default: i64,
    (least, greatest): (i64, i64),
) -> Result<u64, BrokerError> {
    let number = read(params, key, "a whole number", Value::as_i64)?.unwrap_or(default);
    let within = (least..=greatest).contains(&number);
    u64::try_from(number).ok().filter(|_| within).ok_or_else(|| {
        invalid(format!("the param `{key}` is {number}, not between {least} and {greatest}"))
    })
}

pub(super) fn texts<'a>(
    params: &'a Resolved,
    key: &str,
) -> Result<Option<Vec<&'a str>>, BrokerError> {
    read(params, key, "a list of texts", |value| {
        value.as_array()?.iter().map(Value::as_str).collect()
    })
}

/// The map from text to text under `key`, empty when absent.
pub(super) fn text_map<'a>(
    params: &'a Resolved,
    key: &str,
) -> Result<Vec<(&'a str, &'a str)>, BrokerError> {
    let pairs = read(params, key, "a map from text to text", |value| {
        let pairs = value.as_object()?.iter();
        pairs.map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
    })?;
    Ok(pairs.unwrap_or_default())
}

// The value itself stays out of the message: it may be a secret.
fn read<'a, T>(
    params: &'a Resolved,
    key: &str,
    expected: &str,
    convert: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>, BrokerError> {
    let Some(value) = params.get(key) else { return Ok(None) };
    let wrong = || invalid(format!("the param `{key}` is not {expected}"));
    convert(value).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::resolved;
    use super::*;

    #[test]
    fn absent_params_take_their_default() {
        let params = resolved(json!({ "nothing": null }));
        assert_eq!(text(&params, "nothing").unwrap(), None);
        assert!(!flag(&params, "nothing").unwrap());
        assert_eq!(integer(&params, "nothing", 7, (1, 9)).unwrap(), 7);
        assert_eq!(texts(&params, "nothing").unwrap(), None);
        assert!(text_map(&params, "nothing").unwrap().is_empty());
        assert!(required_text(&params, "nothing").is_err());
    }

    #[test]
    fn a_wrong_type_is_an_error_without_the_value() {
        let params = resolved(json!({ "it": ["hunter2", 5] }));
        for error in [
            text(&params, "it").unwrap_err(),
            flag(&params, "it").unwrap_err(),
            integer(&params, "it", 1, (1, 9)).unwrap_err(),
            texts(&params, "it").unwrap_err(),
            text_map(&params, "it").unwrap_err(),
        ] {
            assert!(error.message.starts_with("the param `it` is not"), "{error}");
            assert!(!error.message.contains("hunter2"));
        }
    }

    #[test]
    fn a_number_out_of_bounds_is_an_error() {
        let params = resolved(json!({ "it": 10 }));
        let error = integer(&params, "it", 1, (1, 9)).unwrap_err();
        assert_eq!(error.message, "the param `it` is 10, not between 1 and 9");
    }
}
