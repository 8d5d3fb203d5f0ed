//! What there is to say of a map and its clusters.
//!
//! ```text
//! clusters, values that pass ──numbered──▶ runs of the clusters that stay, with numbers
//!     ├──▶ label      a volume of numbers
//!     ├──▶ table      extents, peaks, sums (cluster_sums, exact_sum), maxima
//!     ├──▶ extra_map  other maps under the clusters
//!     └──▶ blocks     clusters of blocks, and of the volume they make up
//!
//! map ──▶ percentile
//! ```

pub(crate) mod blocks;
mod cluster_sums;
pub(crate) mod exact_sum;
pub(crate) mod extra_map;
pub(crate) mod label;
pub(crate) mod maxima;
mod numbered;
pub(crate) mod percentile;
pub(crate) mod table;
