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
    let mut data = data(&page(&records, "two"));
    assert_eq!(data["title"], "two");
    let albums = data["albums"].take();
    for (entry, record) in data["records"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .zip(&records)
    {
        let album = entry.as_object_mut().unwrap().remove("album").unwrap();
        entry["pictures"] = albums[album.as_u64().unwrap() as usize].clone();
        let back: TraceRecord = serde_json::from_value(entry.take()).unwrap();
        assert_eq!(back, *record);
    }
}

#[test]
fn traces_of_one_pair_share_their_pictures() {
    let [mut other, first] = [looked_twice(), looked_twice()];
    other.sample = 5;
    other.pictures.clear();
    let mut elsewhere = looked_twice();
    elsewhere.videos[1].frames = 25;
    let data = data(&page(&[first.clone(), other, elsewhere], "t"));
    let album = |record: usize| data["records"][record]["album"].as_u64().unwrap() as usize;
    assert_eq!(album(0), album(1));
    assert_ne!(album(0), album(2));
    assert_eq!(data["albums"].as_array().unwrap().len(), 2);
    let kept = data["albums"][album(1)].as_object().unwrap();
    assert_eq!(kept.len(), first.pictures.len());
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
