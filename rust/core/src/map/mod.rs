//! How a map lies in memory, and how it is visited there.
//!
//! ```text
//! map ──series──▶ volumes ──memory_order──▶ planes of rows ──volume──▶ one plane after the other
//!              └─ interleaved ──────────────────────────────────────▶ planes of many volumes
//! ```

pub(crate) mod bounding_box;
pub(crate) mod interleaved;
pub(crate) mod memory_order;
pub(crate) mod output;
pub(crate) mod planes;
pub(crate) mod series;
pub(crate) mod summary;
pub(crate) mod volume;

/// A voxel of a volume, by its place along each axis.
pub type Index = [usize; 3];
