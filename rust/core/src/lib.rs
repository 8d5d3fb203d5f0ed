//! Thresholding of 3-D and 4-D maps and filtering of their clusters.
//!
//! ```text
//! view ──scan──▶ bits ──list──▶ runs ──link──▶ parents ──number──▶ clusters ──erase──▶ values
//!           └──────────────────── values of all that pass ─────────────────────────┘
//! ```
//!
//! A *run* is a maximal stretch of voxels along the memory-fastest axis that
//! pass the threshold with the same sign. Clusters are runs joined by
//! union-find, and a cluster's extent is the sum of its runs' lengths. The scan
//! writes every voxel that passes, and what belongs to a small cluster is erased
//! in the end: the values of a map are read once. No label volume is made, but where it
//! is asked for: [`label()`] numbers the clusters, and [`Table::of`] says what there is
//! to say of each.
//!
//! Views may have any strides (C or Fortran order, slices, negative steps);
//! they are read where they lie. The results depend on neither the strides nor
//! the number of threads. See [`threshold`] for the whole in one call, and
//! [`Clusters::find`] for the clusters alone.
//!
//! # Rationale
//!
//! Statistical maps are smooth: a thresholded row is a few runs and little is
//! erased, so everything after the scan is small. Of the plane at hand and the one
//! before, the voxels that pass are held as bits, one for each sign, so that
//! neighbouring rows are compared 64 voxels at a time; on noise, where there may be one
//! run for every two voxels, that is what counts.
//!
//! # Limitations
//!
//! A volume may have fewer than 2³² runs, in planes of fewer than 2³² voxels.

#![forbid(unsafe_code)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a view is passed by value as a slice would be, and most of them are cut or turned"
)]
#![expect(
    clippy::inline_always,
    reason = "the loops over voxels vectorise only when what they call is part of them"
)]

mod connectivity;
mod error;
mod map;
mod measure;
mod parallel;
mod request;
mod runs;
mod simd;
mod tree;
mod voxel;

pub use crate::connectivity::Connectivity;
pub use crate::error::{Array, Error, Powered, Result};
pub use crate::map::Index;
pub use crate::map::output::Output;
pub use crate::map::summary::{Summary, summary};
pub use crate::measure::blocks::{BlockCluster, BlockPosition, join_blocks, label_block};
pub use crate::measure::extra_map::Sampled;
pub use crate::measure::label::{Labels, label};
pub use crate::measure::maxima::{Maxima, Plateaus};
pub use crate::measure::percentile::{Population, percentile};
pub use crate::measure::table::{FoundClusters, Table, find_clusters};
pub use crate::parallel::{Executor, with_executor};
pub use crate::request::{Request, Sides};
pub use crate::runs::clusters::Clusters;
pub use crate::runs::threshold::{threshold, threshold_in_place};
pub use crate::tree::merge_tree::MergeTree;
pub use crate::tree::tfce::{Tfce, tfce};
pub use crate::voxel::Voxel;
pub use crate::voxel::score::Score;
