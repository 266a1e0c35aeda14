//! `local-secret`: a random text made once, kept in the journal alone.

use async_trait::async_trait;
use serde_json::Value;
use zeroize::Zeroizing;

use provision::broker::{
    Broker, BrokerError, DeprovisionRequest, ErrorKind, FetchRequest, FindRequest, Live,
    OutputSchema, Param, ParamType, Progress, ProvisionRequest, Provisioned, Service,
    UpdateRequest,
};
use provision::value::{Outputs, Resolved};

use super::{done, invalid, params};

const HEX: &[u8] = b"0123456789abcdef";
const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const LENGTH: i64 = 32;
const LENGTHS: (i64, i64) = (8, 1024);

/// Provisions random secrets.
pub(crate) struct SecretBroker {
    catalog: [Service; 1],
}

impl SecretBroker {
    pub(crate) fn new() -> Self {
        let service = Service {
            params: vec![
                Param::new("length", ParamType::Integer, "How many characters it has.")
                    .default(LENGTH)
                    .bounds(LENGTHS.0, LENGTHS.1)
                    .replaces(),
                Param::new("alphabet", ParamType::String, "The characters it is made of.")
                    .default("alnum")
                    .allowed(&["alnum", "hex", "base64url"])
                    .replaces(),
                Param::new("rotate", ParamType::Any, "Any value; a new one makes a new secret.")
                    .replaces(),
            ],
            outputs: vec![OutputSchema::secret("value", "The secret.")],
            journal_only: true,
            ..super::service("local-secret", "secret", "A random secret, made once.")
        };
        Self { catalog: [service] }
    }
}

#[async_trait]
impl Broker for SecretBroker {
    fn catalog(&self) -> &[Service] {
        &self.catalog
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
    ) -> Result<Progress<Provisioned>, BrokerError> {
        let value = generate(&request.params)?;
        let instance_id = format!("local-secret:{}", request.address.name);
        Ok(done(&instance_id, Outputs::default().with_secret("value", value)))
    }

    async fn update(&self, request: &UpdateRequest) -> Result<Progress<Provisioned>, BrokerError> {
        let Some(value) = request.previous.outputs.get("value") else {
            return Err(lost());
        };
        Ok(done(&request.instance_id, Outputs::default().with_secret("value", value.clone())))
    }

    async fn deprovision(&self, _: &DeprovisionRequest) -> Result<Progress<()>, BrokerError> {
        Ok(Progress::Done(()))
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Option<Live>, BrokerError> {
        let believed = request.previous.outputs.0.iter();
        let outputs = believed.fold(Outputs::default(), |outputs, (key, value)| {
            outputs.with_secret(key, value.clone())
        });
        Ok(Some(Live::new(&request.instance_id, request.address.name.as_str(), outputs)))
    }

    async fn find(&self, _: &FindRequest) -> Result<Option<Live>, BrokerError> {
        Ok(None)
    }
}

fn lost() -> BrokerError {
    BrokerError::new(ErrorKind::NotFound, "the journal does not hold the secret")
        .help("Change the param `rotate` to make a new one.")
}

fn generate(params: &Resolved) -> Result<Value, BrokerError> {
    let length = params::integer(params, "length", LENGTH, LENGTHS)?;
    let length = usize::try_from(length).map_err(|_| invalid("the param `length` is too large"))?;
    let alphabet = match params::text(params, "alphabet")?.unwrap_or("alnum") {
        "alnum" => ALNUM,
        "hex" => HEX,
        "base64url" => BASE64URL,
        other => return Err(invalid(format!("there is no alphabet `{other}`"))),
    };
    Ok(Value::from(random(alphabet, length)?))
}

fn random(alphabet: &[u8], length: usize) -> Result<String, BrokerError> {
    let mut text = String::with_capacity(length);
    let mut bytes = Zeroizing::new([0_u8; 256]);
    while text.len() < length {
        getrandom::fill(&mut *bytes).map_err(|error| {
            BrokerError::new(ErrorKind::Failed, format!("no randomness from the system: {error}"))
        })?;
        let chosen = bytes.iter().filter_map(|byte| pick(alphabet, *byte));
        text.extend(chosen.take(length - text.len()));
    }
    Ok(text)
}

// Bytes past the last whole multiple of the alphabet are thrown away: they would favour its start.
fn pick(alphabet: &[u8], byte: u8) -> Option<char> {
    let byte = usize::from(byte);
    let fair = 256 - 256 % alphabet.len();
    let chosen = alphabet.get(byte % alphabet.len())?;
    (byte < fair).then(|| char::from(*chosen))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Desk, output, resolved};
    use super::*;

    fn desk() -> Desk {
        Desk::new(|_| SecretBroker::new())
    }

    fn made(params: serde_json::Value) -> String {
        generate(&resolved(params)).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn it_has_the_asked_length_and_characters() {
        assert_eq!(made(json!({})).len(), 32);
        for (alphabet, characters) in [("alnum", ALNUM), ("hex", HEX), ("base64url", BASE64URL)] {
            for length in [8, 257, 1024] {
                let text = made(json!({ "alphabet": alphabet, "length": length }));
                assert_eq!(text.len(), length);
                assert!(text.bytes().all(|byte| characters.contains(&byte)), "{alphabet}");
            }
        }
    }

    #[test]
    fn every_character_is_equally_likely() {
        for alphabet in [ALNUM, HEX, BASE64URL] {
            let mut counts = std::collections::BTreeMap::new();
            for byte in 0..=255 {
                if let Some(chosen) = pick(alphabet, byte) {
                    *counts.entry(chosen).or_insert(0) += 1;
                }
            }
            assert_eq!(counts.len(), alphabet.len());
            assert!(counts.values().all(|count| *count == 256 / alphabet.len()));
        }
    }

    #[test]
    fn two_are_never_the_same() {
        assert_ne!(made(json!({})), made(json!({})));
    }

    #[test]
    fn wrong_params_are_refused() {
        for params in [
            json!({ "length": 7 }),
            json!({ "length": 1025 }),
            json!({ "length": -1 }),
            json!({ "length": "8" }),
            json!({ "alphabet": "emoji" }),
        ] {
            assert_eq!(generate(&resolved(params)).unwrap_err().kind, ErrorKind::Invalid);
        }
    }

    #[tokio::test]
    async fn it_stays_over_updates_and_never_prints_itself() {
        let desk = desk();
        let made = desk.create(json!({})).await.unwrap();
        assert_eq!(made.instance_id, "local-secret:thing");
        let changed = desk.update(&made, json!({}), json!({})).await.unwrap();
        assert_eq!(changed, made);
        let text = output(&made, "value").as_str().unwrap().to_owned();
        assert!(!format!("{made:?}").contains(&text));

        let live = desk.fetch(&made, json!({})).await.unwrap().unwrap();
        assert_eq!(live.outputs, made.outputs);
        assert_eq!(desk.find(json!({})).await.unwrap(), None);
        desk.delete(&made, json!({})).await.unwrap();
    }

    #[tokio::test]
    async fn a_lost_one_is_not_made_up_by_an_update() {
        let desk = desk();
        let mut made = desk.create(json!({})).await.unwrap();
        made.outputs = Outputs::default();
        let error = desk.update(&made, json!({}), json!({})).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
}
