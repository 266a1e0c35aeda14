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
    /// What it may not do and the provider's services need. Known only where scopes are shown.
    pub missing: Vec<String>,
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
        let scopes = text(&verify.scopes);
        Ok(Verified {
            who: text(&verify.who).filter(|who| !who.is_empty()),
            missing: scopes.as_deref().map(|has| lacking(&verify.needs, has)).unwrap_or_default(),
            scopes,
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
    // Nothing a provider says may bring a secret back out.
    (!value.is_null()).then(|| exchange.session.client.redactor.text(&as_text(&value)))
}

/// The scopes of `needs` that are not among those shown, which commas or spaces separate.
fn lacking(needs: &[String], shown: &str) -> Vec<String> {
    let has = |scope: &String| shown.split([',', ' ']).any(|word| word == scope);
    needs.iter().filter(|scope| !has(scope)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_missing_when_it_is_not_shown_as_a_word() {
        let needs = ["repo".to_owned(), "delete_repo".to_owned()];
        for (shown, missing) in [
            ("repo, delete_repo", &[][..]),
            ("gist delete_repo", &["repo"]),
            ("public_repo", &["repo", "delete_repo"]),
            ("", &["repo", "delete_repo"]),
        ] {
            assert_eq!(lacking(&needs, shown), missing, "{shown}");
        }
    }
}
