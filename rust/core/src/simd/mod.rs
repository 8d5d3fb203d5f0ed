//! 64 voxels at a time.

pub(crate) mod bits;
pub(crate) mod chunk;
pub(crate) mod dispatch;
