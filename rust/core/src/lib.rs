//! Thresholding of statistical maps, and their clusters.
//!
//! ```text
//!      ┌────────────── plane by plane ──────────────┐
//! view ──scan──▶ bits ──list──▶ runs ──link──▶ parents ──number──▶ clusters ──erase──▶ values
//!   └────────────────────── values of all voxels that pass ──────────────────────────────┘
//! ```
//!
//! A *run* is a maximal stretch of voxels along the memory-fastest axis that pass the
//! threshold with the same sign. Clusters are runs joined by union-find, and a cluster's
//! extent is the sum of its runs' lengths. The scan writes every voxel that passes, and what
//! belongs to a small cluster is erased in the end: a map is read once. A volume of labels is
//! made only where one is asked for.
//!
//! Maps are views of [`ndarray`] with three axes, or four with the volumes along the last, of
//! ten number types ([`Voxel`]) and any strides: C or Fortran order, slices, negative steps.
//! They are read where they lie. Results depend on neither the strides nor the number of
//! threads.
//!
//! # Examples
//!
//! Keep the voxels of abs(value) >= 2 that lie in clusters of two voxels and more:
//!
//! ```
//! use ndarray::{Array3, array};
//! use nithresh_core::{Request, Sides, threshold};
//!
//! let map = array![[[3.0_f32, -2.0, -4.0, 0.5, 2.0, f32::NAN]]];
//! let request = Request::new(2.0, Sides::Both)?.min_extent(2);
//! let mut kept = Array3::zeros(map.dim());
//! let out = kept.view_mut().into_dyn().into();
//! let summary = threshold(map.view().into_dyn(), out, None, request)?;
//! assert_eq!(kept, array![[[0.0, -2.0, -4.0, 0.0, 0.0, 0.0]]]);
//! assert_eq!((summary.min, summary.max, summary.has_non_finite), (-4.0, 0.0, true));
//! # Ok::<(), nithresh_core::Error>(())
//! ```
//!
//! At a percentile of the absolute values, in a mask, over the map itself:
//!
//! ```
//! use ndarray::{Array3, array};
//! use nithresh_core::{Population, Request, Sides, percentile, threshold_in_place};
//!
//! let mut map = array![[[1_i16, -2, 3, -4, 90]]];
//! let mask = array![[[true, true, true, true, false]]];
//! let population = Population::Magnitudes;
//! let level = percentile(map.view().into_dyn(), Some(mask.view()), population, 50.0)?;
//! assert_eq!(level, Some(2.5));
//! let request = Request::new(2.5, Sides::Both)?;
//! threshold_in_place(map.view_mut().into_dyn(), Some(mask.view()), request)?;
//! assert_eq!(map, array![[[0, 0, 3, -4, 0]]]);
//! # Ok::<(), nithresh_core::Error>(())
//! ```
//!
//! The table of the clusters, their labels, and another map under them:
//!
//! ```
//! use ndarray::{Array3, array};
//! use nithresh_core::{Connectivity, Plateaus, Request, Sides, find_clusters};
//!
//! let map = array![[[3.0_f64, 0.0, 0.0], [0.0, 5.0, 1.0], [0.0, -2.0, -4.0]]];
//! let request = Request::new(1.0, Sides::Both)?.connectivity(Connectivity::Edges);
//! let found = find_clusters(map.view(), None, None, request, Plateaus::First)?;
//! assert_eq!(found.table.extents, [3, 2]);
//! assert_eq!(found.table.signs, [1, -1]);
//! assert_eq!(found.table.masses, [9.0, -6.0]);
//!
//! let mut labels = Array3::zeros(map.dim());
//! found.labels.write(labels.view_mut().into_dyn().into())?;
//! assert_eq!(labels, array![[[1, 0, 0], [0, 1, 1], [0, 2, 2]]]);
//!
//! let extra = array![[[1_u8, 2, 3], [4, 5, 6], [7, 8, 9]]];
//! assert_eq!(found.labels.sample(extra.view())?.means, [4.0, 8.5]);
//! # Ok::<(), nithresh_core::Error>(())
//! ```
//!
//! Scores without a threshold (TFCE):
//!
//! ```
//! use ndarray::{Array3, array};
//! use nithresh_core::{Connectivity, Sides, Tfce, tfce};
//!
//! let rules = Tfce {
//!     extent_power: 1.0,
//!     height_power: 0.0,
//!     sides: Sides::One,
//!     connectivity: Connectivity::Faces,
//! };
//! let map = array![[[2.0_f32, 1.0, 0.0, 3.0]]];
//! let mut scores = Array3::zeros(map.dim());
//! tfce(map.view().into_dyn(), scores.view_mut().into_dyn(), None, rules)?;
//! // From 0 to 1 the first cluster has two voxels, from 1 to 2 it has one.
//! assert_eq!(scores, array![[[3.0, 2.0, 0.0, 3.0]]]);
//! # Ok::<(), nithresh_core::Error>(())
//! ```
//!
//! How many clusters there are at each threshold, from one pass:
//!
//! ```
//! use ndarray::array;
//! use nithresh_core::{Connectivity, MergeTree, Sides};
//!
//! let map = array![[[3.0_f32, 1.0, 2.0, 0.0, 1.5]]];
//! let tree = MergeTree::of(map.view(), None, Sides::One, Connectivity::Faces)?;
//! let count = |threshold: f64| {
//!     let alive = |&(&birth, &merge): &(&f64, &f64)| merge < threshold && threshold <= birth;
//!     tree.births.iter().zip(&tree.merges).filter(alive).count()
//! };
//! assert_eq!([3.0, 2.0, 1.5, 1.0].map(count), [1, 2, 3, 2]);
//! # Ok::<(), nithresh_core::Error>(())
//! ```
//!
//! Maps on surfaces, and on surfaces and voxels together, have the methods of [`Graph`]. To
//! threshold one, call [`threshold`] with it as a volume of one row, then [`Graph::erase_small`].
//!
//! Work is parallel where the caller gives threads: see [`with_executor`].
//!
//! # Rationale
//!
//! Statistical maps are smooth: a thresholded row is a few runs and little is erased, so
//! everything after the scan is small. Only the plane at hand and the one before are held as
//! bits, one for each voxel and sign, so that neighbouring rows are compared 64 voxels at a
//! time. On noise, where there may be one run for every two voxels, that is what counts.
//!
//! # Limitations
//!
//! A volume may have fewer than 2³² runs, in planes of fewer than 2³² voxels; for scores and
//! merge trees, fewer than 2³¹ voxels.

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
mod graph;
mod map;
mod measure;
mod parallel;
mod permutation;
mod request;
mod runs;
mod simd;
mod tree;
mod voxel;

pub use crate::connectivity::Connectivity;
pub use crate::error::{Array, Error, Powered, Result};
pub use crate::graph::areas::Areas;
pub use crate::graph::table::{NodeClusters, NodeMaxima};
pub use crate::graph::triangles::{Graph, Surface, Triangles};
pub use crate::graph::vertex_areas::vertex_areas;
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
pub use crate::permutation::maxima::{Statistics, cluster_maxima};
pub use crate::permutation::statistic::{Effect, Statistic, statistic_maps};
pub use crate::request::{Request, Sides};
pub use crate::runs::clusters::Clusters;
pub use crate::runs::threshold::{threshold, threshold_in_place};
pub use crate::tree::merge_tree::MergeTree;
pub use crate::tree::tfce::{Tfce, tfce};
pub use crate::voxel::Voxel;
pub use crate::voxel::score::Score;
