//! What the macros accept, and the words in which they refuse: see `ui/`.

#[test]
fn diagnostics() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
