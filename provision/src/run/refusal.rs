//! Why a task is not done at all.

use super::worker::Resolution;
use crate::broker::{BrokerError, ErrorKind};
use crate::config::InstanceSpec;
use crate::name::Name;
use crate::state::Journal;

pub(super) fn internal(message: &str) -> BrokerError {
    BrokerError::new(ErrorKind::Failed, message).help("This is a bug in prov; please report it.")
}

pub(super) fn no_broker(service: &Name) -> BrokerError {
    let message = format!("no broker provides the service `{service}`");
    BrokerError::new(ErrorKind::Unsupported, message)
        .help("Nothing was done. `prov state rm REF` forgets the instance without destroying it.")
}

pub(super) fn missing_output(spec: &InstanceSpec, journal: &Journal) -> BrokerError {
    let known = |reference: &Name| {
        let keys: Vec<&str> = match journal.instances.get(reference.as_str()) {
            Some(entry) => {
                entry.outputs.keys().chain(entry.sensitive.keys()).map(Name::as_str).collect()
            }
            None => Vec::new(),
        };
        format!(
            "`{reference}` has {}",
            if keys.is_empty() { "none".into() } else { keys.join(", ") }
        )
    };
    let known: Vec<String> = spec.reads.iter().map(known).collect();
    BrokerError::new(
        ErrorKind::Invalid,
        format!("`{}` reads an output that is not there", spec.reference),
    )
    .help(format!("Outputs: {}.", known.join("; ")))
}

pub(super) fn conflict(resolution: &Resolution<'_>, holder: Option<Name>) -> BrokerError {
    let address = &resolution.address;
    let reference = &address.reference;
    if let Some(holder) = holder {
        let (service, name) = (&address.service, &address.name);
        let message =
            format!("{service} `{name}` exists already: it is `{holder}` of this project");
        return BrokerError::new(ErrorKind::Conflict, message).help(format!(
            "Keep the ref `{holder}` for it, or remove `{holder}` before `{reference}` is made."
        ));
    }
    BrokerError::new(
        ErrorKind::Conflict,
        format!("{} `{}` exists already and was not made by this project", address.service, address.name),
    )
    .help(format!(
        "Take it over with `adopt = true` or `prov import {reference} ID`, or choose another name or path."
    ))
}

pub(super) fn needs_replacement(resolution: &Resolution<'_>) -> BrokerError {
    BrokerError::new(
        ErrorKind::Refused,
        format!(
            "a value that `{}` reads changed, and it cannot change in place",
            resolution.spec.reference
        ),
    )
    .help("Nothing was done to it. Run `prov plan`: it shows the replacement that is needed now.")
}
