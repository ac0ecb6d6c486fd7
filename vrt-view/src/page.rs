//! In: records. Out: one HTML page that needs nothing else: no network, no server, no framework.
//!
//! Records are data inside a `<script type="application/json">` in which no `<` stands, so no text of a trace can end
//! it. The page's own code only ever sets text, and its content policy allows its own script and style, by their hash,
//! and pictures that are part of the page.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use vrt_core::pair::PairKey;

use crate::jsonl::json;
use crate::record::TraceRecord;

const TEMPLATE: &str = include_str!("../assets/page.html");
const STYLE: &str = include_str!("../assets/style.css");

/// The program, one subject a file; later ones use earlier ones.
const SCRIPT: &[&str] = &[
    include_str!("../assets/dom.js"),
    include_str!("../assets/traces.js"),
    include_str!("../assets/list.js"),
    include_str!("../assets/evidence.js"),
    include_str!("../assets/timeline.js"),
    include_str!("../assets/unit.js"),
    include_str!("../assets/reward.js"),
    include_str!("../assets/detail.js"),
    include_str!("../assets/app.js"),
];

/// What the page shows: traces of one pair share an album of pictures.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    records: Vec<Entry>,
    albums: Vec<BTreeMap<&'a str, &'a str>>,
}

/// A record whose pictures are in an album.
#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    record: TraceRecord,
    album: usize,
}

/// What tells pairs apart on one page: key, caption, and name and length of both videos.
type Pair<'a> = (PairKey, &'a str, [(&'a str, u32); 2]);

impl<'a> Data<'a> {
    fn new(records: &'a [TraceRecord], title: &'a str) -> Self {
        // A key is unique inside one data set, and a page may mix several.
        let mut known: BTreeMap<Pair<'_>, usize> = BTreeMap::new();
        let mut albums: Vec<BTreeMap<&str, &str>> = Vec::new();
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let videos = (record.videos.each_ref()).map(|video| (&*video.name, video.frames));
            let album = *known
                .entry((record.pair, &record.caption, videos))
                .or_insert_with(|| {
                    albums.push(BTreeMap::new());
                    albums.len() - 1
                });
            let pictures = record.pictures.iter();
            albums[album].extend(pictures.map(|(key, uri)| (&**key, &**uri)));
            let mut record = record.clone();
            record.pictures.clear();
            entries.push(Entry { record, album });
        }
        Self {
            title,
            records: entries,
            albums,
        }
    }
}

/// The page that shows these records under a title.
pub fn page(records: &[TraceRecord], title: &str) -> String {
    // One function around all of it: nothing is global, and everything is strict.
    let script = format!("(() => {{\n\"use strict\";\n{}}})();\n", SCRIPT.concat());
    let data = embedded(&Data::new(records, title));
    let policy = format!(
        "default-src 'none'; img-src data:; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(&script)
    );
    let title = text(title);
    fill(
        TEMPLATE,
        &[
            ("policy", &policy),
            ("title", &title),
            ("style", STYLE),
            ("data", &data),
            ("script", &script),
        ],
    )
}

/// The template with each `{{name}}` replaced; what is put in is not looked at again.
fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(parts.iter().map(|part| part.1.len()).sum());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        let part = parts.iter().find(|part| part.0 == name);
        page.push_str(part.map_or("", |part| part.1));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// JSON that can stand inside a script element.
fn embedded(value: &impl Serialize) -> String {
    json(value).replace('<', "\\u003c")
}

/// Text that can stand inside an element.
fn text(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A source of a content policy: the hash of an inline script or style.
fn hash(code: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(code)))
}
