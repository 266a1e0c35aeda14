//! Whether a credential works: for `prov doctor` and `prov auth list`.

use provision::broker::{BrokerError, ErrorKind};
use provision::value::as_text;

use super::session::{CredentialSource, credential};
use super::{RestBroker, exchange::Exchange};

/// A credential that is known here, without its value.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The secrets it consists of, and where each came from.
    pub secrets: Vec<(String, CredentialSource)>,
}

/// What a provider says about a credential.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Whose it is.
    pub who: Option<String>,
    /// What it may do.
    pub scopes: Option<String>,
    /// What the provider's clock shows, as its `Date` header says it.
    pub date: Option<String>,
}

impl RestBroker {
    /// The credential that would be used, `None` when there is none.
    ///
    /// # Errors
    /// When a stored one cannot be read.
    pub fn credential(&self) -> Result<Option<Credential>, BrokerError> {
        let found = credential(&self.provider, &self.around)
            .map_err(|error| BrokerError::new(ErrorKind::Unauthorized, error))?;
        Ok(found.map(|(_, secrets)| Credential {
            secrets: secrets.into_iter().map(|(name, _, source)| (name, source)).collect(),
        }))
    }

    /// Asks the provider whether the credential works, with its cheapest call.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn verify(&self) -> Result<Verified, BrokerError> {
        let exchange = self.open().await?;
        let Some(verify) = &self.provider.verify else {
            exchange.session.headers()?;
            return Ok(Verified::default());
        };
        let answer = exchange.ask(&verify.request).await?;
        let text = |template: &Option<crate::manifest::Template>| {
            text_of(&exchange, template.as_ref(), &answer)
        };
        Ok(Verified {
            who: text(&verify.who),
            scopes: text(&verify.scopes),
            date: answer.header("date").map(str::to_owned),
        })
    }
}

fn text_of(
    exchange: &Exchange<'_>,
    template: Option<&crate::manifest::Template>,
    answer: &crate::http::Answer,
) -> Option<String> {
    let scope = super::exchange::answered(&exchange.scope, answer);
    let value = template?.lenient(exchange.language, &scope)?;
    (!value.is_null()).then(|| as_text(&value))
}
