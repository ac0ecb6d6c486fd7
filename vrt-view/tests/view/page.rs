//! The page as text: self-contained, and closed to what traces say.

use vrt_view::{TraceRecord, page};

use crate::support::looked_twice;

/// Text that would like to be markup, a script, a placeholder of the template, or the end of the data.
const HOSTILE: &str =
    "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>{{script}} \u{2028}";

fn hostile() -> TraceRecord {
    let mut record = looked_twice();
    HOSTILE.clone_into(&mut record.caption);
    HOSTILE.clone_into(&mut record.videos[0].name);
    HOSTILE.clone_into(&mut record.rounds[0].text);
    record
}

/// What stands in the page's data element.
fn data(page: &str) -> serde_json::Value {
    let (_, after) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .unwrap();
    let (data, _) = after.split_once("</script>").unwrap();
    assert!(!data.contains('<'));
    serde_json::from_str(data).unwrap()
}

#[test]
fn the_page_holds_the_records_as_they_are() {
    let records = [looked_twice(), hostile()];
    let data = data(&page(&records, "two"));
    assert_eq!(data["title"], "two");
    let back: Vec<TraceRecord> = serde_json::from_value(data["records"].clone()).unwrap();
    assert_eq!(back, records);
}

#[test]
fn no_text_of_a_trace_becomes_markup() {
    let quiet = page(&[looked_twice()], "t");
    let loud = page(&[hostile()], HOSTILE);
    for tag in ["<script", "</script", "<img", "<!--"] {
        assert_eq!(
            loud.matches(tag).count(),
            quiet.matches(tag).count(),
            "{tag}"
        );
    }
    assert!(loud.contains("<title>&lt;/script&gt;"));
}

#[test]
fn the_page_asks_for_nothing_from_outside() {
    let page = page(&[looked_twice()], "t");
    let shell = page.replace("http://www.w3.org/2000/svg", "");
    for word in [
        "http:",
        "https:",
        "src=",
        "href=",
        "@import",
        "url(",
        "innerHTML",
        "eval(",
    ] {
        assert!(!shell.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'; img-src data:; style-src 'sha256-"));
}
