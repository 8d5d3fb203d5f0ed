//! How many random cases a property is tried with.

use proptest::prelude::ProptestConfig;

/// As many as given; `PROPTEST_CASES` counts instead where it is set, for a long look or a
/// slow processor. Failures are printed, not filed.
pub fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
