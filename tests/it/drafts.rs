//! `prov broker new` from outside.

use prov_test::Sandbox;

use crate::sandbox;

const DESCRIPTION: &str = r##"
openapi: 3.0.3
info: { title: Acme Cloud API, version: "1" }
servers: [{ url: "https://api.acme.test" }]
components:
  schemas:
    Box: { type: object, properties: { id: { type: integer }, name: { type: string } } }
  requestBodies:
    Box:
      content:
        application/json: { schema: { type: object, properties: { name: { type: string } } } }
  responses:
    Box: { content: { application/json: { schema: { $ref: "#/components/schemas/Box" } } } }
paths:
  /user/boxes:
    post:
      requestBody: { $ref: "#/components/requestBodies/Box" }
      responses: { 201: { $ref: "#/components/responses/Box" } }
  /boxes:
    post:
      requestBody: { $ref: "#/components/requestBodies/Box" }
      responses: { 201: { $ref: "#/components/responses/Box" } }
  /boxes/{id}:
    get: { responses: { 200: { $ref: "#/components/responses/Box" } } }
    delete: { responses: { 204: { description: gone } } }
  /rooms/{room}/boxes:
    post:
      requestBody: { $ref: "#/components/requestBodies/Box" }
      responses: { 201: { $ref: "#/components/responses/Box" } }
  /rooms/{room}/boxes/{id}:
    get: { responses: { 200: { $ref: "#/components/responses/Box" } } }
    delete: { responses: { 204: { description: gone } } }
"##;

/// A project with the description in a file of this name.
fn described(file: &str) -> Sandbox {
    let sandbox = sandbox();
    sandbox.file(file, DESCRIPTION);
    sandbox
}

#[test]
fn a_provider_is_called_after_its_description() {
    for (file, provider) in [
        ("acme.yaml", "acme"),
        ("linode.com.json", "linode"),
        ("My_Cloud.v2.yaml", "my-cloud"),
        ("openapi.yaml", "acme"),
        ("api.acme.test.yaml", "acme"),
    ] {
        let output =
            described(file).run(&format!("broker new --openapi {file} --path /boxes")).ok();
        let wrote =
            format!("Wrote brokers/{provider}/box.toml and brokers/{provider}/provider.toml");
        assert!(output.stdout.contains(&wrote), "{output}");
    }
    let sandbox = described("acme.yaml");
    let line = "broker new --openapi acme.yaml --path /boxes";
    sandbox.run(&format!("{line} --provider other")).ok();
    assert!(sandbox.has("brokers/other/box.toml"));
    let output = sandbox.run(&format!("{line} --provider a.b")).exits(64);
    assert!(output.stderr.contains("`a.b` cannot be the name of a provider."), "{output}");
    assert!(output.stderr.contains("`--provider NAME`"), "{output}");
}

#[test]
fn services_may_have_another_name() {
    let sandbox = described("acme.yaml");
    let line = "broker new --openapi acme.yaml --path";
    sandbox.run(&format!("{line} /boxes")).ok();
    let rooms = format!("{line} /rooms/{{room}}/boxes");
    let output = sandbox.run(&rooms).exits(1);
    assert!(output.stderr.contains("brokers/acme/box.toml is there already."), "{output}");
    assert!(output.stderr.contains("`--name NAME`"), "{output}");
    let output = sandbox.run(&format!("{rooms} --name room-box")).ok();
    let wrote = "Wrote brokers/acme/room-box.toml: the service `acme-room-box`.";
    assert!(output.stdout.contains(wrote), "{output}");
    sandbox.run("broker lint --openapi acme.yaml").ok();
    let output = sandbox.run(&format!("{rooms} --name provider")).exits(64);
    assert!(output.stderr.contains("`provider` cannot be the name of a service."), "{output}");
}

#[test]
fn things_may_be_read_elsewhere() {
    let sandbox = described("acme.yaml");
    let line = "broker new --openapi acme.yaml --path /user/boxes";
    let output = sandbox.run(line).exits(1);
    assert!(output.stderr.contains("There is no `GET /user/boxes/{…}`."), "{output}");
    assert!(output.stderr.contains("`GET /boxes/{id}` answers the same"), "{output}");
    assert!(output.stderr.contains("--item-path '/boxes/{id}'"), "{output}");
    sandbox.run(&format!("{line} --item-path /boxes/{{id}}")).ok();
    assert!(sandbox.read("brokers/acme/box.toml").contains("GET /boxes/{{ id }}"));
    sandbox.run("broker lint --openapi acme.yaml").ok();
}
