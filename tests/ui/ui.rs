//! What the macros accept, and the words in which they refuse: see `pass/` and `fail/`.

#[test]
fn diagnostics() {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("fail/*.rs");
}
