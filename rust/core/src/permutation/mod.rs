//! Permutation tests: the statistics of shuffled data, and the largest of each.
//!
//! ```text
//! weights ──product──▶ inner products ──▶ a statistic at each voxel ──▶ the largest of each map
//!          statistic.rs                                                  maxima.rs
//! ```
//!
//! A permutation test needs of each shuffled map no more than its largest cluster, value
//! and score: no label, no table and no map is kept.
//!
//! Nothing here is parallel: a caller that has threads gives each of them some of the maps.

pub(crate) mod maxima;
pub(crate) mod statistic;
