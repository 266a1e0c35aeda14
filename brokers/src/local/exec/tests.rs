use serde_json::{Value, json};

use super::super::testing::{Desk, live_output, output};
use super::*;
use provision::value::Outputs;

fn desk() -> Desk {
    Desk::new(ExecBroker::new)
}

fn sh(script: &str) -> Value {
    json!(["sh", "-c", script])
}

/// Params with these commands, each a shell script, and harmless ones for what is required.
fn commands(scripts: &[(&str, &str)]) -> Value {
    let mut params = json!({ "create": sh("echo {}"), "delete": sh("true") });
    for (verb, script) in scripts {
        params[*verb] = sh(script);
    }
    params
}

async fn create_error(params: Value) -> BrokerError {
    desk().create(params).await.unwrap_err()
}

fn thing() -> Provisioned {
    Provisioned::new("thing-1", Outputs::default())
}

#[tokio::test]
async fn a_command_gets_json_and_runs_in_the_project_folder() {
    let desk = desk();
    let mut params = commands(&[("create", "cat > in.json; printf '{\"id\": \"%s\"}' \"$X\"")]);
    params["input"] = json!({ "size": 3 });
    params["env"] = json!({ "X": "from-env" });
    let made = desk.create(params).await.unwrap();
    assert_eq!(made.instance_id, "from-env");
    let read: Value = serde_json::from_str(&desk.project.read("in.json")).unwrap();
    let expected = json!({
        "ref": "ref", "name": "thing", "id": null, "input": { "size": 3 }, "previous": null,
        "idempotency_key": "key-1",
    });
    assert_eq!(read, expected);
}

#[tokio::test]
async fn an_update_and_a_removal_tell_what_was() {
    let desk = desk();
    let mut params = commands(&[
        ("create", r#"echo '{"id": "thing-1", "outputs": {"a": 1}}'"#),
        ("update", r#"cat > in.json; echo '{"outputs": {"a": 2}}'"#),
        ("delete", "cat > in.json"),
    ]);
    params["input"] = json!("before");
    let mut after = params.clone();
    after["input"] = json!("after");
    let made = desk.create(params.clone()).await.unwrap();
    let changed = desk.update(&made, params, after.clone()).await.unwrap();
    assert_eq!(changed.instance_id, "thing-1", "kept when not printed");
    assert_eq!(output(&changed, "a"), 2);
    let read: Value = serde_json::from_str(&desk.project.read("in.json")).unwrap();
    let previous = json!({ "name": "thing", "input": "before", "outputs": { "a": 1 } });
    assert_eq!(
        (&read["id"], &read["input"], &read["previous"]),
        (&json!("thing-1"), &json!("after"), &previous)
    );

    desk.delete(&changed, after).await.unwrap();
    let read: Value = serde_json::from_str(&desk.project.read("in.json")).unwrap();
    assert_eq!(read["previous"]["outputs"], json!({ "a": 2 }));
    assert_eq!(read["idempotency_key"], "key-3");
}

#[tokio::test]
async fn what_is_declared_sensitive_never_prints_itself() {
    let script = r#"echo '{"outputs": {"token": "hunter2", "a": 1}, "sensitive": ["token"]}'"#;
    let made = desk().create(commands(&[("create", script)])).await.unwrap();
    assert_eq!(made.instance_id, "local-exec:thing");
    assert_eq!(output(&made, "token"), "hunter2");
    assert!(!format!("{made:?}").contains("hunter2"));
}

#[tokio::test]
async fn read_and_find_say_null_for_none() {
    let desk = desk();
    let none = commands(&[("read", "echo null"), ("find", "echo null")]);
    assert_eq!(desk.fetch(&thing(), none.clone()).await.unwrap(), None);
    assert_eq!(desk.find(none).await.unwrap(), None);

    let some = r#"echo '{"id": "thing-1", "outputs": {"a": 1}}'"#;
    let some = commands(&[("read", some), ("find", some)]);
    assert_eq!(live_output(desk.fetch(&thing(), some.clone()).await.unwrap(), "a"), 1);
    assert_eq!(desk.find(some).await.unwrap().unwrap().instance_id, "thing-1");
}

#[tokio::test]
async fn what_has_no_command_is_unsupported() {
    let desk = desk();
    let params = commands(&[]);
    for error in [
        desk.fetch(&thing(), params.clone()).await.unwrap_err(),
        desk.find(params.clone()).await.unwrap_err(),
        desk.update(&thing(), params.clone(), params).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.help.unwrap().starts_with("Add `"));
    }
}

#[tokio::test]
async fn long_work_is_polled_through_read() {
    let desk = desk();
    let params = commands(&[
        ("create", r#"echo '{"id": "thing-1", "state": "in progress", "operation": "op:1"}'"#),
        ("read", "cat > in.json; cat answer.json"),
    ]);
    let Progress::InProgress { operation, instance_id, .. } =
        desk.start(params.clone()).await.unwrap()
    else {
        panic!("done at once");
    };
    assert_eq!((operation.as_str(), instance_id.as_deref()), ("create:op:1", Some("thing-1")));

    desk.project.write("answer.json", r#"{"state": "in progress"}"#);
    let state = desk.poll(&operation, params.clone()).await.unwrap();
    assert_eq!(state, OperationState::InProgress { retry_after: None });
    let read: Value = serde_json::from_str(&desk.project.read("in.json")).unwrap();
    assert_eq!((&read["operation"], &read["id"]), (&json!("op:1"), &json!("thing-1")));

    desk.project.write("answer.json", r#"{"state": "succeeded", "outputs": {"a": 1}}"#);
    let outputs = Outputs::default().with("a", 1);
    let made = Provisioned::new("thing-1", outputs);
    let state = desk.poll(&operation, params.clone()).await.unwrap();
    assert_eq!(state, OperationState::Succeeded(Some(made)));

    desk.project.write("answer.json", r#"{"state": "failed", "description": "no room"}"#);
    let state = desk.poll(&operation, params).await.unwrap();
    assert_eq!(state, OperationState::Failed { description: "no room".to_owned() });
}

#[tokio::test]
async fn a_long_removal_ends_when_read_sees_nothing() {
    let desk = desk();
    let params =
        commands(&[("delete", r#"echo '{"state": "in progress"}'"#), ("read", "cat answer.json")]);
    let Progress::InProgress { operation, .. } =
        desk.remove(&thing(), params.clone(), false).await.unwrap()
    else {
        panic!("done at once");
    };
    desk.project.write("answer.json", r#"{"id": "thing-1"}"#);
    let state = desk.poll(&operation, params.clone()).await.unwrap();
    assert_eq!(state, OperationState::InProgress { retry_after: None });
    desk.project.write("answer.json", "null");
    let state = desk.poll(&operation, params).await.unwrap();
    assert_eq!(state, OperationState::Succeeded(None));
}

#[tokio::test]
async fn long_work_without_read_is_refused() {
    let error = create_error(commands(&[("create", r#"echo '{"state": "in progress"}'"#)])).await;
    assert_eq!(error.kind, ErrorKind::Failed);
    assert!(error.help.unwrap().contains("`read`"));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_outcome_unknown() {
    for script in ["echo hello", "echo null", "echo '[]'", "echo '{\"id\": true}'"] {
        let error = create_error(commands(&[("create", script)])).await;
        assert_eq!(error.kind, ErrorKind::Unknown, "{script}: {error}");
    }
    let error = desk().find(commands(&[("find", "echo hello")])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_failure_shows_the_end_of_what_was_said_without_secrets() {
    let mut params = commands(&[("create", "echo \"bad: $TOKEN\" >&2; exit 3")]);
    params["env"] = json!({ "TOKEN": "hunter2-hunter2" });
    let error = create_error(params).await;
    assert_eq!(error.kind, ErrorKind::Failed);
    assert_eq!(error.message, "`create` of `ref` ended with exit status: 3: bad: (sensitive)");

    let failed = r#"echo '{"state": "failed", "description": "no room"}'"#;
    let error = create_error(commands(&[("create", failed)])).await;
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Failed, "no room"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_killed_command_leaves_the_outcome_unknown() {
    let error = create_error(commands(&[("create", "kill -9 $$")])).await;
    assert_eq!(error.kind, ErrorKind::Unknown);
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn one_that_takes_too_long_is_stopped() {
    let desk = desk();
    let mut params = commands(&[("create", "sleep 1000")]);
    params["timeout"] = json!(5);
    let error = desk.create(params).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unknown);
    assert_eq!(error.message, "`create` of `ref` was stopped after 5 s, its outcome is unknown");
}

#[tokio::test]
async fn what_cannot_start_is_invalid() {
    for (create, part) in [
        (json!(["./missing.sh"]), "cannot start"),
        (json!([]), "names no program"),
        (json!([""]), "names no program"),
        (json!("true"), "is not a list of texts"),
    ] {
        let error = create_error(json!({ "create": create, "delete": ["true"] })).await;
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains(part), "{error}");
    }
    let error = create_error(json!({ "create": ["true"], "timeout": 0 })).await;
    assert!(error.message.contains("`timeout` is 0"), "{error}");
}

#[tokio::test]
async fn input_that_is_not_read_is_no_failure() {
    let mut params = commands(&[("create", "exec <&-; echo '{}'")]);
    params["input"] = json!("x".repeat(1 << 20));
    desk().create(params).await.unwrap();
}

#[test]
fn changing_a_command_changes_nothing() {
    let desk = desk();
    let service = desk.service();
    for name in ["create", "read", "update", "delete", "find", "timeout"] {
        assert_eq!(service.param(name).unwrap().on_change, OnChange::Ignore, "{name}");
    }
    assert_eq!(service.param("input").unwrap().on_change, OnChange::Update);
    assert_eq!(service.param("env").unwrap().on_change, OnChange::Update);
}
