//! The reference page says what the declarations say.

#[test]
fn the_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");
    let kept = std::fs::read_to_string(path).expect("docs/reference.md is there");
    let page = experiments::reference::page();
    let first = kept.lines().zip(page.lines()).position(|(a, b)| a != b);
    assert_eq!(
        kept,
        page,
        "differs from line {:?} on; run `cargo run -p experiments -- reference > docs/reference.md`",
        first.map(|line| line + 1)
    );
}
