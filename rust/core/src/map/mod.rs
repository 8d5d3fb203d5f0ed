//! How a map lies in memory, and how it is visited there.

pub(crate) mod bounding_box;
pub(crate) mod interleaved;
pub(crate) mod output;
pub(crate) mod series;
pub(crate) mod summary;
pub(crate) mod volume;

/// A voxel of a volume, by its place along each axis.
pub type Index = [usize; 3];
