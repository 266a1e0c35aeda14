//! The journal as it is written: version 1.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Applied, Deposed, Instance, Instances, Journal, Operation, Origin, Sealed, Status, Verb,
};
use crate::name::Name;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct JournalV1<'a> {
    version: u64,
    lineage: String,
    serial: u64,
    project: Name,
    stage: Name,
    #[serde(default)]
    ledger: Vec<AppliedV1>,
    #[serde(default)]
    bound: Vec<String>,
    instances: Vec<InstanceV1<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppliedV1 {
    tag: String,
    sha256: String,
    #[serde(with = "time")]
    applied_at: Timestamp,
    run: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InstanceV1<'a> {
    #[serde(rename = "ref")]
    reference: Name,
    service: Name,
    plan: Option<Name>,
    name: Name,
    instance_id: String,
    kind: Name,
    origin: OriginV1,
    state: StatusV1,
    outputs: Cow<'a, BTreeMap<Name, Value>>,
    #[serde(default)]
    sensitive: BTreeMap<Name, SealedV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Cow<'a, Map<String, Value>>>,
    fingerprint: Cow<'a, str>,
    inputs: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<Cow<'a, str>>,
    depends_on: Cow<'a, [Name]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bind: Option<Map<String, Value>>,
    #[serde(default)]
    protected: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retain: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    external: bool,
    #[serde(default)]
    last_error: Option<Cow<'a, str>>,
    #[serde(default, with = "maybe_time")]
    provisioned_at: Option<Timestamp>,
    #[serde(default, with = "maybe_time")]
    updated_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<OperationV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deposed: Vec<DeposedV1>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OriginV1 {
    Created,
    Adopted,
    Discovered,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StatusV1 {
    Provisioning,
    Provisioned,
    Failed,
    Deprovisioning,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VerbV1 {
    Provision,
    Update,
    Deprovision,
}

#[derive(Serialize, Deserialize)]
struct SealedV1 {
    id: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct OperationV1 {
    verb: VerbV1,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<String>,
    #[serde(with = "time")]
    since: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeposedV1 {
    service: Name,
    name: Name,
    #[serde(default)]
    plan: Option<Name>,
    instance_id: String,
    #[serde(default)]
    outputs: BTreeMap<Name, Value>,
    #[serde(default)]
    sensitive: BTreeMap<Name, SealedV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

/// The lineage and the serial of a journal as written, when it is one of this version.
#[must_use]
pub fn serial_of(journal: &[u8]) -> Option<(String, u64)> {
    #[derive(Deserialize)]
    struct Head {
        lineage: String,
        serial: u64,
    }
    let head: Head = serde_json::from_slice(journal).ok()?;
    Some((head.lineage, head.serial))
}

/// The text of a journal file: a line for each field, and a line for each instance, so that a
/// changed instance is a changed line.
///
/// # Errors
/// When a value has no JSON form.
pub fn write_journal(journal: &Journal) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256 + journal.instances.len() * 640);
    out.extend_from_slice(b"{\n");
    let ledger: Vec<AppliedV1> = journal.ledger.iter().map(applied_to_wire).collect();
    write_field(&mut out, "version", &super::JOURNAL_VERSION)?;
    write_field(&mut out, "lineage", &journal.lineage)?;
    write_field(&mut out, "serial", &journal.serial)?;
    write_field(&mut out, "project", &journal.project)?;
    write_field(&mut out, "stage", &journal.stage)?;
    write_field(&mut out, "ledger", &ledger)?;
    write_field(&mut out, "bound", &journal.bound)?;
    out.extend_from_slice(b"  \"instances\": [");
    for (index, instance) in journal.instances.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n    " } else { b",\n    " });
        serde_json::to_writer(&mut out, &instance_to_wire(instance))?;
    }
    out.extend_from_slice(b"\n  ]\n}\n");
    Ok(out)
}

fn write_field(out: &mut Vec<u8>, key: &str, value: &impl Serialize) -> serde_json::Result<()> {
    out.extend_from_slice(format!("  \"{key}\": ").as_bytes());
    serde_json::to_writer(&mut *out, value)?;
    out.extend_from_slice(b",\n");
    Ok(())
}

pub(super) fn read_v1(text: &str) -> serde_json::Result<Journal> {
    let wire: JournalV1<'_> = serde_json::from_str(text)?;
    if wire.version != super::JOURNAL_VERSION {
        return Err(serde::de::Error::custom("it has another version"));
    }
    let count = wire.instances.len();
    let instances: Instances = wire.instances.into_iter().map(instance_from_wire).collect();
    if instances.len() != count {
        return Err(serde::de::Error::custom("a ref is in it twice"));
    }
    Ok(Journal {
        lineage: wire.lineage,
        serial: wire.serial,
        project: wire.project,
        stage: wire.stage,
        ledger: wire.ledger.into_iter().map(applied_from_wire).collect(),
        bound: wire.bound,
        instances,
    })
}

/// The instance as JSON, in the journal's form.
///
/// # Errors
/// When a value has no JSON form.
pub fn to_json(instance: &Instance) -> serde_json::Result<Value> {
    serde_json::to_value(instance_to_wire(instance))
}

/// The instance of a JSON value in the journal's form.
///
/// # Errors
/// When it does not have that form.
pub fn from_json(value: Value) -> serde_json::Result<Instance> {
    serde_json::from_value::<InstanceV1<'static>>(value).map(instance_from_wire)
}

pub(super) fn applied_to_wire(applied: &Applied) -> AppliedV1 {
    AppliedV1 {
        tag: applied.tag.clone(),
        sha256: applied.sha256.clone(),
        applied_at: applied.applied_at,
        run: applied.run.clone(),
    }
}

pub(super) fn applied_from_wire(wire: AppliedV1) -> Applied {
    Applied { tag: wire.tag, sha256: wire.sha256, applied_at: wire.applied_at, run: wire.run }
}

pub(super) fn instance_to_wire(instance: &Instance) -> InstanceV1<'_> {
    InstanceV1 {
        reference: instance.reference.clone(),
        service: instance.service.clone(),
        plan: instance.plan.clone(),
        name: instance.name.clone(),
        instance_id: instance.instance_id.clone(),
        kind: instance.kind.clone(),
        origin: match instance.origin {
            Origin::Created => OriginV1::Created,
            Origin::Adopted => OriginV1::Adopted,
            Origin::Discovered => OriginV1::Discovered,
        },
        state: match instance.status {
            Status::Provisioning => StatusV1::Provisioning,
            Status::Provisioned => StatusV1::Provisioned,
            Status::Failed => StatusV1::Failed,
            Status::Deprovisioning => StatusV1::Deprovisioning,
        },
        outputs: Cow::Borrowed(&instance.outputs),
        sensitive: sealed_to_wire(&instance.sensitive),
        params: instance.params.as_ref().map(Cow::Borrowed),
        fingerprint: Cow::Borrowed(&instance.fingerprint),
        inputs: instance.inputs.as_deref().map(Cow::Borrowed),
        identity: instance.identity.as_deref().map(Cow::Borrowed),
        depends_on: Cow::Borrowed(&instance.depends_on),
        bind: instance.bind.as_ref().map(|bind| {
            bind.iter().map(|(key, name)| (key.to_string(), Value::from(name.as_str()))).collect()
        }),
        protected: instance.protected,
        retain: instance.retain,
        external: instance.external,
        last_error: instance.last_error.as_deref().map(Cow::Borrowed),
        provisioned_at: instance.provisioned_at,
        updated_at: instance.updated_at,
        operation: instance.operation.as_ref().map(operation_to_wire),
        deposed: instance.deposed.iter().map(deposed_to_wire).collect(),
    }
}

pub(super) fn instance_from_wire(wire: InstanceV1<'_>) -> Instance {
    Instance {
        reference: wire.reference,
        service: wire.service,
        plan: wire.plan,
        name: wire.name,
        instance_id: wire.instance_id,
        kind: wire.kind,
        origin: match wire.origin {
            OriginV1::Created => Origin::Created,
            OriginV1::Adopted => Origin::Adopted,
            OriginV1::Discovered => Origin::Discovered,
        },
        status: match wire.state {
            StatusV1::Provisioning => Status::Provisioning,
            StatusV1::Provisioned => Status::Provisioned,
            StatusV1::Failed => Status::Failed,
            StatusV1::Deprovisioning => Status::Deprovisioning,
        },
        outputs: wire.outputs.into_owned(),
        sensitive: sealed_from_wire(wire.sensitive),
        params: wire.params.map(Cow::into_owned),
        fingerprint: wire.fingerprint.into_owned(),
        inputs: wire.inputs.map(Cow::into_owned),
        identity: wire.identity.map(Cow::into_owned),
        depends_on: wire.depends_on.into_owned(),
        bind: wire.bind.map(|bind| {
            bind.into_iter()
                .map(|(key, name)| (Name::from(key), name.as_str().unwrap_or_default().to_owned()))
                .collect()
        }),
        protected: wire.protected,
        retain: wire.retain,
        external: wire.external,
        last_error: wire.last_error.map(Cow::into_owned),
        provisioned_at: wire.provisioned_at,
        updated_at: wire.updated_at,
        operation: wire.operation.map(operation_from_wire),
        deposed: wire.deposed.into_iter().map(deposed_from_wire).collect(),
    }
}

fn sealed_to_wire(sealed: &BTreeMap<Name, Sealed>) -> BTreeMap<Name, SealedV1> {
    let wire = |sealed: &Sealed| SealedV1 { id: sealed.id.clone(), sealed: sealed.sealed.clone() };
    sealed.iter().map(|(key, sealed)| (key.clone(), wire(sealed))).collect()
}

fn sealed_from_wire(wire: BTreeMap<Name, SealedV1>) -> BTreeMap<Name, Sealed> {
    let sealed = |wire: SealedV1| Sealed { id: wire.id, sealed: wire.sealed };
    wire.into_iter().map(|(key, wire)| (key, sealed(wire))).collect()
}

fn operation_to_wire(operation: &Operation) -> OperationV1 {
    OperationV1 {
        verb: match operation.verb {
            Verb::Provision => VerbV1::Provision,
            Verb::Update => VerbV1::Update,
            Verb::Deprovision => VerbV1::Deprovision,
        },
        key: operation.key.clone(),
        accepted: operation.accepted.clone(),
        since: operation.since,
    }
}

fn operation_from_wire(wire: OperationV1) -> Operation {
    Operation {
        verb: match wire.verb {
            VerbV1::Provision => Verb::Provision,
            VerbV1::Update => Verb::Update,
            VerbV1::Deprovision => Verb::Deprovision,
        },
        key: wire.key,
        accepted: wire.accepted,
        since: wire.since,
    }
}

fn deposed_to_wire(deposed: &Deposed) -> DeposedV1 {
    DeposedV1 {
        service: deposed.service.clone(),
        name: deposed.name.clone(),
        plan: deposed.plan.clone(),
        instance_id: deposed.instance_id.clone(),
        outputs: deposed.outputs.clone(),
        sensitive: sealed_to_wire(&deposed.sensitive),
        params: deposed.params.clone(),
        identity: deposed.identity.clone(),
    }
}

fn deposed_from_wire(wire: DeposedV1) -> Deposed {
    Deposed {
        service: wire.service,
        name: wire.name,
        plan: wire.plan,
        instance_id: wire.instance_id,
        outputs: wire.outputs,
        sensitive: sealed_from_wire(wire.sensitive),
        params: wire.params,
        identity: wire.identity,
    }
}

/// Times as RFC 3339 text.
pub(super) mod time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::state) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(in crate::state) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Times that may be missing.
mod maybe_time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}
