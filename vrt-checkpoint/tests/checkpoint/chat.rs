//! The tokenizer and the chat template that a checkpoint brings.

use serde_json::json;
use vrt_checkpoint::chat::{ChatTemplate, Content, Message, Part};
use vrt_checkpoint::tokenizer::Tokenizer;
use vrt_train::atomic;

/// Jinja of the kind that published vision-language checkpoints carry: a default system message, parts of messages,
/// placeholders between the pieces that stand around pictures.
const TEMPLATE: &str = "\
{% for message in messages %}
    {% if loop.first and message['role'] != 'system' %}
<|im_start|>system
You judge videos.<|im_end|>
    {% endif %}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}
{% for part in message['content'] %}
{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in part %}{{ part['text'].strip() }}{% endif %}
{% endfor %}
{% endif %}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% endif %}
";

fn conversation() -> [Message; 2] {
    [
        Message {
            role: "user".to_owned(),
            content: Content::Parts(vec![
                Part::Video,
                Part::Video,
                Part::Text {
                    text: "  Which one?  ".to_owned(),
                },
                Part::Image,
            ]),
        },
        Message {
            role: "assistant".to_owned(),
            content: Content::Text("The first.".to_owned()),
        },
    ]
}

#[test]
fn a_conversation_is_rendered_as_python_would() {
    let template = ChatTemplate::new(TEMPLATE.to_owned()).unwrap();
    let text = template.render(&conversation(), true).unwrap();
    // From the same template and messages by jinja2 with `trim_blocks` and `lstrip_blocks`, as transformers sets them.
    assert_eq!(
        text,
        "<|im_start|>system\nYou judge videos.<|im_end|>\n<|im_start|>user\n\
         <|vision_start|><|video_pad|><|vision_end|><|vision_start|><|video_pad|><|vision_end|>Which one?\
         <|vision_start|><|image_pad|><|vision_end|><|im_end|>\n\
         <|im_start|>assistant\nThe first.<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn a_template_is_found_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let find = || ChatTemplate::find(folder.path());
    let missing = find().unwrap_err().to_string();
    assert!(
        missing.ends_with(
            "no chat template in chat_template.jinja, chat_template.json, tokenizer_config.json; \
             fetch the checkpoint's"
        ),
        "{missing}"
    );
    let ends = |text: &str| {
        let rendered = find().unwrap().render(&[], true).unwrap();
        assert_eq!(rendered, text);
    };
    let write = |name: &str, text: String| {
        atomic::write(&folder.path().join(name), text.as_bytes()).unwrap()
    };
    write(
        "tokenizer_config.json",
        json!({ "chat_template": [
            { "name": "tools", "template": "tools" },
            { "name": "default", "template": "oldest" },
        ] })
        .to_string(),
    );
    ends("oldest");
    write(
        "chat_template.json",
        json!({ "chat_template": "older" }).to_string(),
    );
    ends("older");
    write("chat_template.jinja", "newest".to_owned());
    ends("newest");
}

#[test]
fn a_template_that_fails_says_why() {
    let broken = ChatTemplate::new("{% for %}".to_owned()).unwrap_err();
    assert!(
        broken.to_string().starts_with("chat template: "),
        "{broken}"
    );
    let strict = "{{ raise_exception('roles must alternate') }}".to_owned();
    let refused = ChatTemplate::new(strict).unwrap().render(&[], true);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("roles must alternate"), "{refused}");
}

/// A byte-level tokenizer of our own with a handful of merges and the special pieces.
fn tokenizer() -> Tokenizer {
    let special = ["<|im_start|>", "<|im_end|>", "<|video_pad|>"];
    let pieces = [
        "T", "h", "e", "Ġ", "f", "i", "r", "s", "t", ".", "Th", "The", "Ċ", "Ã", "©",
    ];
    let vocab: serde_json::Map<_, _> = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| ((*piece).to_owned(), json!(id)))
        .collect();
    let added: Vec<_> = special
        .iter()
        .enumerate()
        .map(|(i, piece)| {
            json!({
                "id": pieces.len() + i, "content": piece, "special": true, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": { "type": "NFC" },
        "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true },
        "post_processor": null,
        "decoder": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
            "merges": ["T h", "Th e"],
        },
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    atomic::write(&path, file.to_string().as_bytes()).unwrap();
    Tokenizer::read(&path).unwrap()
}

#[test]
fn text_becomes_ids_and_text_again() {
    let tokenizer = tokenizer();
    let text = "<|im_start|>The first.<|im_end|>\n";
    let ids = tokenizer.encode(text).unwrap();
    assert_eq!(ids, [15, 11, 3, 4, 5, 6, 7, 8, 9, 16, 12]);
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
    assert_eq!(tokenizer.decode(&ids, false).unwrap(), "The first.\n");
    assert_eq!(tokenizer.id("<|video_pad|>"), Some(17));
    assert_eq!(tokenizer.id("<|nothing|>"), None);
    // Two code points that compose to one letter, in two bytes.
    let composed = tokenizer.encode("e\u{301}").unwrap();
    assert_eq!(composed, [13, 14]);
    assert_eq!(tokenizer.decode(&composed, true).unwrap(), "é");
}

#[test]
fn a_file_that_is_no_tokenizer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    atomic::write(&path, b"{}").unwrap();
    let error = Tokenizer::read(&path).unwrap_err().to_string();
    assert!(
        error.contains("tokenizer.json: ") && error.ends_with("; fetch the file again"),
        "{error}"
    );
}
