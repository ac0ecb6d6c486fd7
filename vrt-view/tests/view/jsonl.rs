//! Files of records: what is written reads back, what is wrong is named.

use proptest::prelude::*;
use serde_json::{Value, json};
use vrt_view::jsonl;

use crate::support::looked_twice;

fn read(text: &str) -> Result<Vec<vrt_view::TraceRecord>, String> {
    jsonl::read("traces.jsonl", text.as_bytes()).map_err(|error| error.to_string())
}

/// The error of a file whose second line is a record with this field changed.
fn refused(pointer: &str, value: Value) -> String {
    let good = jsonl::write(&[looked_twice()]);
    let mut bad: Value = serde_json::from_str(&good).unwrap();
    *bad.pointer_mut(pointer).unwrap() = value;
    read(&format!("{good}{bad}\n")).unwrap_err()
}

#[test]
fn what_is_written_reads_back() {
    let records = vec![looked_twice(), looked_twice()];
    let text = jsonl::write(&records);
    assert_eq!(text.lines().count(), 2);
    assert_eq!(read(&text).unwrap(), records);
    assert_eq!(read(&format!("\n{text}\n  \n")).unwrap(), records);
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn a_line_that_cannot_be_used_is_named_with_its_field() {
    let errors = [
        refused("/version", json!(1)),
        refused("/pair", json!(7)),
        refused("/pair", json!("seven")),
        refused("/truth/TA", json!(3)),
        refused("/answer/CF", json!(0)),
        refused("/initial/2", json!(0)),
        refused("/initial/2", json!(49)),
        refused("/rounds/0/views/1/frame", json!(4_000_000_000_u32)),
        refused("/pictures/10", json!("javascript:alert(1)")),
        refused("/rounds/1/window", json!({"oldest": 1})),
        refused(
            "/stop",
            json!({"name": "answered", "text": null, "more": 1}),
        ),
        read("{\"version\":2,").unwrap_err(),
        read("[]").unwrap_err(),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn lengths_beyond_every_pool_are_no_overflow() {
    let good = jsonl::write(&[looked_twice()]);
    let mut huge: Value = serde_json::from_str(&good).unwrap();
    huge["videos"][0]["frames"] = json!(u32::MAX);
    huge["videos"][1]["frames"] = json!(u32::MAX);
    assert!(read(&huge.to_string()).is_ok());
}

proptest! {
    #[test]
    fn any_text_reads_back_from_a_line_and_from_the_page(caption in any::<String>(), text in any::<String>(), fps in any::<f64>()) {
        let mut record = looked_twice();
        record.caption = caption;
        record.rounds[0].text = text;
        // A number that JSON does not have is left out.
        record.videos[0].fps = Some(fps).filter(|fps| fps.is_finite());
        let records = [record];
        prop_assert!(read(&jsonl::write(&records)).unwrap() == records);
        let page = vrt_view::page(&records, "t");
        let (_, after) = page.split_once("id=\"data\">").unwrap();
        let data: Value = serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap();
        prop_assert_eq!(data["records"][0]["caption"].as_str(), Some(records[0].caption.as_str()));
        prop_assert_eq!(data["records"][0]["rounds"][0]["text"].as_str(), Some(records[0].rounds[0].text.as_str()));
    }

    #[test]
    fn a_damaged_file_is_an_error_or_a_file(at in 0usize..4000, byte in 0u8..128) {
        let mut text = jsonl::write(&[looked_twice()]).into_bytes();
        let at = at % text.len();
        text[at] = byte;
        // Whatever comes out, it comes out as a value.
        let _ = jsonl::read("traces.jsonl", &text[..]);
    }
}
