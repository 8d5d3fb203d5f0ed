//! All thresholds at once: the component tree of a map, and what is made of it.
//!
//! ```text
//! volume ──padded_volume──▶ sort keys in a line, neighbours ──component_tree──▶ tree
//!                                                                ├──▶ tfce        scores
//!                                                                └──▶ merge_tree  branches
//! ```
//!
//! The tree asks for [`neighbours`] alone: a surface has others, and the same tree.

mod component_tree;
pub(crate) mod merge_tree;
mod neighbours;
mod padded_volume;
pub(crate) mod tfce;
