//! The OpenAPI document, and that answers keep to it.

use serde_json::Value;
use vrt_core::pair::{Preference, Verdict};
use vrt_view::JudgmentRecord;

use crate::support::{RIGHT, Server, ask, group, request, unit_that_answers};

fn document() -> Value {
    serde_json::to_value(vrt::rewards::document()).unwrap()
}

/// Fields that an object may have, and those that it must.
fn held_to(value: &Value, schema: &Value, document: &Value) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => document.pointer(&name[1..]).unwrap(),
        None => schema,
    };
    if let Some(options) = schema["oneOf"].as_array() {
        let chosen = options.iter().find(|one| one["type"] != "null").unwrap();
        return held_to(value, chosen, document);
    }
    match value {
        Value::Object(fields) => {
            let Some(properties) = schema["properties"].as_object() else {
                return;
            };
            for (name, value) in fields {
                let Some(schema) = properties.get(name) else {
                    panic!("{name} is not in {schema}");
                };
                held_to(value, schema, document);
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(
                    fields.contains_key(name.as_str().unwrap()),
                    "{name} is missing in {value}"
                );
            }
        }
        Value::Array(items) => {
            for item in items {
                held_to(item, &schema["items"], document);
            }
        }
        _ => {}
    }
}

#[test]
fn it_is_generated() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&document()).unwrap());
}

#[test]
fn the_server_hands_it_out() {
    let server = Server::paper();
    let reply = ask(server.address, "GET", "/openapi.json", "text/plain", b"");
    assert_eq!((reply.status, reply.body), (200, document()));
}

#[test]
fn every_answer_is_of_its_schema() {
    let (server, document) = (Server::paper(), document());
    let good = request(vec![group(vec![
        serde_json::json!({"units": [unit_that_answers(RIGHT)]}),
        serde_json::json!({"units": ["nonsense"]}),
    ])]);
    for (method, path, media, body) in [
        ("POST", "/v1/score", "application/json", &good[..]),
        ("POST", "/v1/score", "application/json", b"{"),
        ("POST", "/v1/score", "application/json", b"{}"),
        ("POST", "/v1/score", "text/plain", b"{}"),
        ("GET", "/v1/objective", "text/plain", b""),
        ("GET", "/v1/score", "text/plain", b""),
        ("POST", "/v2/score", "application/json", b"{}"),
        ("GET", "/health", "text/plain", b""),
    ] {
        let reply = ask(server.address, method, path, media, body);
        let operation = &document["paths"][path][method.to_lowercase()];
        let response = match (reply.status, operation.is_object()) {
            (404, false) => &document["components"]["responses"]["NotFound"],
            (405, false) => &document["components"]["responses"]["MethodNotAllowed"],
            (status, _) => &operation["responses"][status.to_string()],
        };
        assert!(
            response.is_object(),
            "{method} {path} does not document {}",
            reply.status
        );
        let (media, content) = response["content"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        assert!(
            reply.head.contains(&format!("content-type: {media}")),
            "{}",
            reply.head
        );
        held_to(&reply.body, &content["schema"], &document);
    }
}

#[test]
fn every_problem_is_documented() {
    let document = document();
    let responses = &document["paths"]["/v1/score"]["post"]["responses"];
    let anywhere = &document["components"]["responses"];
    for code in vrt::rewards::Code::ALL {
        let status = code.status().as_u16();
        let here = responses[status.to_string()].is_object();
        let there = anywhere[code.component()].is_object();
        assert!(here != there, "{code:?}: {status}");
    }
}

#[test]
fn the_digits_are_those_of_a_judgment() {
    let verdict = Verdict {
        dimensions: [Preference::First; 3],
        overall: Preference::First,
    };
    let written = serde_json::to_value(JudgmentRecord::from(verdict)).unwrap();
    let document = document();
    let schema = &document["components"]["schemas"]["Judgment"];
    held_to(&written, schema, &document);
    let required = schema["required"].as_array().unwrap();
    assert_eq!(required.len(), written.as_object().unwrap().len());
}

#[test]
fn the_examples_of_the_manual_are_answered() {
    let manual = include_str!("../../../docs/reward-server.md");
    let blocks = |kind: &'static str| {
        manual
            .split("```")
            .filter_map(move |block| block.strip_prefix(kind))
    };
    let toml: Vec<&str> = blocks("toml\n").collect();
    let json: Vec<&str> = blocks("json\n").collect();
    assert_eq!((toml.len(), json.len()), (1, 1));
    let scorer = vrt::rewards::objective::Named::VrThinker
        .scorer(toml[0])
        .unwrap();
    let server = Server::start(scorer, vrt::rewards::Limits::default());
    let reply = server.score(json[0].as_bytes());
    let samples = &reply.body["groups"][0]["samples"];
    assert_eq!(samples[0]["answer"]["MQ"], 2, "{reply:?}");
    assert!(samples[0]["fault"].is_null());
    assert_eq!(samples[1]["fault"], "the reply was cut off");
}
