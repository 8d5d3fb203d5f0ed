//! How a map lies in memory, and how it is visited there.

pub(crate) mod bounding_box;
pub(crate) mod interleaved;
pub(crate) mod summary;
pub(crate) mod volume;
