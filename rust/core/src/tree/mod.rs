//! All thresholds at once: the component tree of a map, and what is made of it.
//!
//! ```text
//! volume ──padded_volume──▶ sort keys in a line, neighbours ──component_tree──▶ tree
//!                                                                ├──▶ tfce        scores
//!                                                                └──▶ merge_tree  branches
//! voxels of a mask ──▶ the same sort and sweep, without a tree   ────▶ largest_score
//! ```
//!
//! The tree asks for [`neighbours`] alone: a graph has others (`graph/`), and the same tree.

pub(crate) mod component_tree;
pub(crate) mod largest_score;
pub(crate) mod merge_tree;
pub(crate) mod neighbours;
pub(crate) mod padded_volume;
pub(crate) mod tfce;
