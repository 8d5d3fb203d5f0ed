//! One threshold: the runs of a map, and the clusters that they form.
//!
//! ```text
//!      ┌─────────────── plane by plane (slab) ───────────────┐
//! view ──scan──▶ bits ──list──▶ runs ──link──▶ parents ──number──▶ clusters ──erase──▶ values
//!                                      └── union_find ──┘
//! ```
//!
//! To label runs and not voxels, in one scan that notes which labels are equal and a second
//! over the labels alone, is the way of He, Chao and Suzuki (A run-based two-scan labeling
//! algorithm, 2008). Here a plane is a string of bits, which says where runs begin and
//! touch for 64 voxels at a time.

pub(crate) mod clusters;
mod erase;
mod link;
mod list;
pub(crate) mod passing_values;
mod scan;
mod slab;
pub(crate) mod threshold;
pub(crate) mod union_find;
