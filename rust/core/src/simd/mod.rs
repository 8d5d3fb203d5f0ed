//! 64 voxels at a time.
//!
//! A chunk is 64 voxels, whatever row they belong to, and a word has a bit for each of them.
//! The loops over chunks are compiled for several sets of instructions (dispatch).

pub(crate) mod bits;
pub(crate) mod chunk;
pub(crate) mod dispatch;
pub(crate) mod extremes;
