//! Placeholder
#[test]
fn nothing() {}
