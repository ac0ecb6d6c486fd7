//! Each way in which a server can fail has a cause of its own, and the key stands in none.

use std::time::Duration;

use serde_json::json;
use vrt::server::{Address, AddressError, Client, Health, ServerError, Timeouts};

use crate::scripted::{Act, Scripted};
use crate::support::{client, completion};

fn cause_with(timeouts: &Timeouts, act: Act) -> ServerError {
    let server = Scripted::start(move |_| act.clone());
    client(&server, timeouts).complete(b"{}").unwrap_err()
}

fn cause(act: Act) -> ServerError {
    cause_with(&Timeouts::default(), act)
}

fn error(status: u16, message: &str) -> ServerError {
    cause(Act::json(status, &json!({"error": {"message": message}})))
}

#[test]
fn broken_connections_are_cut_and_may_be_tried_again() {
    let body = serde_json::to_vec(&completion("hello")).unwrap();
    let half = body.len() / 2;
    let acts = [
        Act::Cut {
            body: body.clone(),
            sent: half,
        },
        Act::Cut {
            body: body.clone(),
            sent: 0,
        },
        Act::Raw(Vec::new()),
        Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
        Act::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        // Without a length, only the JSON tells that the reply is not whole.
        Act::Raw(
            [
                b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
                &body[..half],
            ]
            .concat(),
        ),
        Act::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n{".to_vec()),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let error = cause(act);
        assert!(matches!(error, ServerError::Cut(_)), "{number}: {error:?}");
        assert!(error.is_transient());
    }
}

#[test]
fn silence_ends_with_the_timeout() {
    let timeouts = Timeouts {
        reply: Duration::from_millis(50),
        ..Timeouts::default()
    };
    let error = cause_with(&timeouts, Act::Silence);
    assert!(matches!(error, ServerError::Timeout(_)), "{error:?}");
    assert!(error.is_transient());
}

#[test]
fn nobody_there_is_said_so() {
    let server = Scripted::start(|_| Act::Silence);
    let client = client(&server, &Timeouts::default());
    server.kill();
    let error = client.complete(b"{}").unwrap_err();
    assert!(matches!(error, ServerError::Connect(_)), "{error:?}");
    assert!(matches!(
        client.health(),
        Health::Down(ServerError::Connect(_))
    ));
}

#[test]
fn a_busy_server_says_how_long_to_wait() {
    let limited = |after: &str| {
        let headers = vec![("retry-after", after.to_owned())];
        cause(Act::Say {
            status: 429,
            headers,
            body: Vec::new(),
        })
    };
    assert_eq!(limited("7").after(), Some(Duration::from_secs(7)));
    // A date that has passed.
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(limited(date).after(), Some(Duration::ZERO));
    assert_eq!(limited("soon").after(), None);
}

#[test]
fn statuses_have_their_causes() {
    use ServerError::{Failed, Loading, NotFound, Refused, Unauthorized};
    let loading = error(503, "Loading model");
    assert_eq!(loading, Loading);
    assert!(matches!(
        error(503, "overloaded"),
        Failed { status: 503, .. }
    ));
    assert!(matches!(error(500, "boom"), Failed { status: 500, .. }));
    assert!(matches!(error(408, "slow"), Failed { status: 408, .. }));
    assert!(matches!(error(401, "no"), Unauthorized { status: 401, .. }));
    assert!(matches!(error(403, "no"), Unauthorized { status: 403, .. }));
    assert!(matches!(
        error(404, "The model `x` does not exist."),
        NotFound(_)
    ));
    assert!(matches!(
        error(422, "bad field"),
        Refused { status: 422, .. }
    ));
    for (error, again) in [
        (loading, true),
        (error(500, "boom"), true),
        (error(422, "bad"), false),
    ] {
        assert_eq!(error.is_transient(), again, "{error}");
    }
    let moved = cause(Act::Say {
        status: 308,
        headers: vec![("location", "http://127.0.0.1:1/v1".to_owned())],
        body: Vec::new(),
    });
    assert!(matches!(moved, Refused { status: 308, .. }), "{moved:?}");
}

/// Three ways to say that the prompt is too long; the first two are recorded.
#[test]
fn an_overflow_names_both_lengths() {
    let sentence =
        "This model's maximum context length is 8192 tokens. However, you requested 14396 tokens";
    let expected = ServerError::ContextOverflow {
        prompt: Some(14396),
        context: Some(8192),
    };
    assert_eq!(error(400, sentence), expected);
    assert!(!expected.is_transient());
}

#[test]
fn what_is_no_completion_is_named() {
    let html = Act::Say {
        status: 200,
        headers: Vec::new(),
        body: b"<html>Welcome to nginx</html>".to_vec(),
    };
    let text = cause(html).to_string();
    assert!(text.contains("Welcome to nginx"), "{text}");
    let form = |value| cause(Act::json(200, &value)).to_string();
    assert!(form(json!({"choices": []})).contains("choices: the list is empty"));
    let text = form(json!({"choices": [{"message": {"content": 7}}]}));
    assert!(text.contains("choices[0].message.content"), "{text}");
    let text = form(json!({"error": {"code": 429, "message": "slow down"}}));
    assert!(text.contains("too many requests"), "{text}");
    let filtered =
        json!({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]});
    assert_eq!(cause(Act::json(200, &filtered)), ServerError::Filtered);
}

#[test]
fn what_a_servers_parser_took_out_is_put_back() {
    let body = json!({"choices": [{
        "finish_reason": "tool_calls",
        "message": {
            "content": [{"type": "text", "text": "<Snapshot>"}, {"type": "text", "text": "a</Snapshot>"}],
            "reasoning": "hm",
            "tool_calls": [
                {"function": {"name": "select_frames", "arguments": "{\"target_frames\":[12,13]}"}},
                {"function": {"name": "zoom_in", "arguments": {"frame": 3}}},
                {"function": {"name": "cut", "arguments": "{\"target_fra"}},
            ],
        },
    }]});
    let server = Scripted::start(move |_| Act::json(200, &body));
    let read = client(&server, &Timeouts::default())
        .complete(b"{}")
        .unwrap();
    insta::assert_snapshot!(read.reply.text, @r#"
    <think>hm</think><Snapshot>a</Snapshot>
    <tool_call>{"name": "select_frames", "arguments": {"target_frames": [12, 13]}}</tool_call>
    <tool_call>{"name": "zoom_in", "arguments": {"frame": 3}}</tool_call>
    <tool_call>{"name": "cut", "arguments": {"target_fra}</tool_call>
    "#);
}

#[test]
fn the_key_is_sent_and_never_told() {
    let echo = |status| {
        let server = Scripted::start(move |heard| {
            let words = format!("Incorrect API key provided: {:?}", heard.headers);
            Act::json(status, &json!({"error": {"message": words}}))
        });
        let client = client(&server, &Timeouts::default());
        let error = client.complete(b"{}").unwrap_err();
        let told = format!("{error} {error:?} {client:?}");
        let heard = server.heard()[0].headers.clone();
        assert!(
            heard.contains(&"authorization: bearer sk-secret".to_owned()),
            "{heard:?}"
        );
        assert!(!told.contains("sk-secret"), "{told}");
        assert!(told.contains("[key]"), "{told}");
    };
    for status in [400, 401, 404, 500] {
        echo(status);
    }
}

#[test]
fn health_is_asked_at_the_root_and_else_of_the_models() {
    let loading =
        Scripted::start(|_| Act::json(503, &json!({"error": {"message": "Loading model"}})));
    let found = client(&loading, &Timeouts::default()).health();
    assert_eq!(found, Health::Down(ServerError::Loading));
    let elsewhere = Scripted::start(|heard| match heard.path.as_str() {
        "/v1/models" => Act::json(200, &json!({"data": [{"id": "a"}, {"id": "b"}]})),
        _ => Act::json(404, &json!({})),
    });
    let client = client(&elsewhere, &Timeouts::default());
    assert_eq!(client.health(), Health::Up);
    assert_eq!(client.models().unwrap(), ["a", "b"]);
}

#[test]
fn addresses_are_read_as_people_type_them() {
    let shown = |text| Address::new(text).map(|address| address.to_string());
    for text in [
        "http://localhost:8000",
        "http://localhost:8000/",
        "http://localhost:8000/v1/",
        " http://localhost:8000/v1/chat/completions",
    ] {
        assert_eq!(shown(text).unwrap(), "http://localhost:8000/v1");
    }
    assert_eq!(
        shown("https://gate.example/llm/api").unwrap(),
        "https://gate.example/llm/api"
    );
    assert!(matches!(
        shown("localhost:8000"),
        Err(AddressError::Scheme { .. })
    ));
    assert!(matches!(
        shown("ftp://host"),
        Err(AddressError::Scheme { .. })
    ));
    for text in ["http://me:pass@host/v1", "https://host/v1?key=pass"] {
        let error = shown(text).unwrap_err();
        assert!(matches!(error, AddressError::Secret { .. }), "{error:?}");
        assert!(!error.to_string().contains("pass@"), "{error}");
    }
    let error = shown("http://me:pass@:99999999/").unwrap_err().to_string();
    assert!(!error.contains("me:pass"), "{error}");
}

/// `Client` is what several threads share.
#[test]
fn a_client_can_be_shared() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Client>();
}
