//! The providers of prov: they act, and know no plan.

pub mod catalog;
pub mod http;
pub mod local;
pub mod manifest;
pub mod openapi;
pub mod rest;

use std::sync::Arc;

use provision::broker::Broker;

/// The brokers of everything that lives on this machine, one a service.
#[must_use]
pub fn local(settings: &local::Settings) -> Vec<Arc<dyn Broker>> {
    vec![
        Arc::new(local::value::ValueBroker::new()),
        Arc::new(local::secret::SecretBroker::new()),
        Arc::new(local::file::FileBroker::new(settings)),
        Arc::new(local::bucket::BucketBroker::new(settings)),
        Arc::new(local::sqlite::SqliteBroker::new(settings)),
        Arc::new(local::exec::ExecBroker::new(settings)),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use provision::broker::Catalog;

    use super::*;

    fn catalog() -> Catalog {
        let root = PathBuf::from("/project");
        Catalog::new(local(&local::Settings { root, allow_outside: false }))
    }

    #[test]
    fn every_service_is_listed_once_and_in_order() {
        let catalog = catalog();
        let ids: Vec<&str> = catalog.services().map(|service| service.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "local-value",
                "local-secret",
                "local-file",
                "local-bucket",
                "local-sqlite",
                "local-exec"
            ]
        );
    }

    #[test]
    fn only_what_holds_data_is_stateful() {
        let catalog = catalog();
        let stateful: Vec<&str> = catalog
            .services()
            .filter(|service| service.is_stateful())
            .map(|service| service.id.as_str())
            .collect();
        assert_eq!(stateful, ["local-bucket", "local-sqlite"]);
    }

    #[test]
    fn only_values_and_secrets_live_in_the_journal_alone() {
        let catalog = catalog();
        let alone = catalog.services().filter(|service| service.journal_only).count();
        assert_eq!(alone, 2);
    }
}
