//! The JSON Schema of the config, with the params of every known service.

use serde_json::{Map, Value, json};

use crate::broker::{Catalog, Param, ParamType, Plans, Service};

/// The JSON Schema (2020-12) of a config for the services of `catalog`.
#[must_use]
pub fn json_schema(catalog: &Catalog) -> Value {
    let services: Vec<Value> = catalog.services().map(|service| json!(service.id)).collect();
    let conditions: Vec<Value> = catalog.services().map(of_service).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "prov config",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "$schema": { "type": "string" },
            "project": text("The project's name; the folder's name when not given."),
            "instances": { "type": "array", "items": { "$ref": "#/$defs/instance" } },
            "prune": { "type": "boolean", "description": "Destroy what is no longer declared." },
            "vars": { "type": "object", "description": "Values for `${var.x}`." },
            "stages": { "type": "object", "additionalProperties": { "$ref": "#/$defs/stage" } },
            "include": { "type": "array", "items": { "type": "string" },
                "description": "Files whose instances belong to this config." },
            "journal": text("Where the journal is."),
            "sink": { "$ref": "#/$defs/sink" },
            "recipients": { "type": "array", "items": { "type": "string", "pattern": "^age1" },
                "description": "The age recipients that sensitive outputs are sealed for." },
            "required_version": text("The versions of prov that may read this, e.g. `>=0.1`.")
        },
        "$defs": {
            "instance": instance(&services, &conditions),
            "stage": stage(),
            "sink": sink()
        }
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn instance(services: &[Value], conditions: &[Value]) -> Value {
    let mut fields = fields();
    if let Some(Value::Object(service)) = fields.get_mut("service") {
        service.insert("enum".into(), json!(services));
    }
    json!({
        "type": "object",
        "required": ["ref", "service", "name"],
        "additionalProperties": false,
        "properties": fields,
        "allOf": conditions
    })
}

fn fields() -> Map<String, Value> {
    let fields = json!({
        "ref": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$",
            "description": "The unique handle of this instance in the config." },
        "service": text("What provisions it."),
        "plan": text("The service plan (tier)."),
        "name": text("Its name at the provider; may hold `${stage}`."),
        "params": { "type": ["object", "null"] },
        "bind": { "type": "object", "additionalProperties": { "type": "string" },
            "description": "Which output lands in which environment variable." },
        "protected": { "type": "boolean", "description": "Refuse to destroy it without --force." },
        "adopt": { "type": "boolean",
            "description": "Take over an object that already stands in its place." },
        "external": { "type": "boolean",
            "description": "It is somebody else's: read it, never make, change or destroy it." },
        "depends_on": { "type": "array", "items": { "type": "string" },
            "description": "Refs that have to be there first." },
        "on_remove": { "enum": ["delete", "retain"],
            "description": "What happens when it is no longer declared." }
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn stage() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "vars": { "type": "object" },
            "instances": { "type": "object", "additionalProperties": {
                "type": "object", "additionalProperties": false, "properties": fields()
            } }
        }
    })
}

fn sink() -> Value {
    json!({
        "description": "Where bound outputs land: a path, `stdout`, `none`, or both kind and path.",
        "oneOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": false, "properties": {
                "kind": { "enum": ["dotenv", "json", "stdout", "none"] },
                "path": { "type": "string" }
            } }
        ]
    })
}

fn of_service(service: &Service) -> Value {
    let params: Map<String, Value> =
        service.params.iter().map(|param| (param.name.to_string(), of_param(param))).collect();
    let required: Vec<&str> =
        service.params.iter().filter(|param| param.required).map(|param| &*param.name).collect();
    let mut then = json!({ "properties": { "params": {
        "description": service.description,
        "properties": params,
        "additionalProperties": service.params_open
    } } });
    if !required.is_empty() {
        // Somebody else's instance is only read and needs no params.
        let given = json!({ "required": ["params"],
            "properties": { "params": { "type": "object", "required": required } } });
        let external = json!({ "required": ["external"],
            "properties": { "external": { "const": true } } });
        if let Value::Object(then) = &mut then {
            then.insert("anyOf".into(), json!([external, given]));
        }
    }
    if let (Plans::Named(plans), Some(properties)) =
        (&service.plans, then.get_mut("properties").and_then(Value::as_object_mut))
    {
        properties.insert("plan".into(), json!({ "enum": plans }));
    }
    json!({ "if": { "properties": { "service": { "const": service.id } } }, "then": then })
}

fn of_param(param: &Param) -> Value {
    let mut schema = match typed(param) {
        // A reference stands for a value of any type.
        Some(typed) if typed.get("type") != Some(&json!("string")) => json!({ "anyOf": [
            typed,
            { "type": "string", "pattern": "^@|\\$\\{" }
        ] }),
        Some(typed) => typed,
        None => json!({}),
    };
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".into(), json!(param.description));
        if let Some(default) = &param.default {
            schema.insert("default".into(), default.clone());
        }
    }
    schema
}

fn typed(param: &Param) -> Option<Value> {
    let mut schema = match param.kind {
        ParamType::Any => return None,
        ParamType::String | ParamType::Path => json!({ "type": "string" }),
        ParamType::PathOrList => json!({ "type": ["string", "array"] }),
        ParamType::Integer => json!({ "type": "integer" }),
        ParamType::Number => json!({ "type": "number" }),
        ParamType::Boolean => json!({ "type": "boolean" }),
        ParamType::List => json!({ "type": "array" }),
        ParamType::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        ParamType::Map => json!({ "type": "object" }),
        ParamType::TextMap => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
    };
    let map = schema.as_object_mut()?;
    if !param.allowed.is_empty() {
        let mut allowed = vec![json!({ "enum": param.allowed })];
        allowed.push(json!({ "type": "string", "pattern": "^@|\\$\\{" }));
        return Some(json!({ "anyOf": allowed }));
    }
    if let Some(pattern) = &param.pattern {
        map.insert("pattern".into(), json!(format!("^(?:{pattern})$|^@|\\$\\{{")));
    }
    if let (Some((least, greatest)), ParamType::Integer | ParamType::Number) =
        (param.bounds, param.kind)
    {
        if least != i64::MIN {
            map.insert("minimum".into(), json!(least));
        }
        if greatest != i64::MAX {
            map.insert("maximum".into(), json!(greatest));
        }
    }
    Some(schema)
}
