//! What can be wrong with a request.

use thiserror::Error;

/// A request that cannot be carried out.
///
/// Nothing has been written when one of these is returned, but for one case: a volume
/// that turns out to have too many runs or clusters ([`Error::TooLarge`], from 2³² voxels
/// on) may have been written in part, or changed in part by a call that works in place.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// The threshold is NaN, which orders with nothing.
    #[error("threshold is NaN; it must be a number")]
    NanThreshold,
    /// A two-sided threshold is a distance from zero.
    #[error("threshold is {0}; with two_sided=True it must be 0 or more")]
    NegativeTwoSidedThreshold(f64),
    /// Not one of the three neighbourhoods of a voxel.
    #[error("connectivity is {0}; it must be 6 (faces), 18 (and edges) or 26 (and corners)")]
    Connectivity(u8),
    /// Not a percentage.
    #[error("percentile is {0}; it must be from 0 to 100")]
    Percent(f64),
    /// Neither a volume nor a series of volumes.
    #[error("data has {0} dimensions; it must have 3, or 4 with the volumes along the last")]
    Dimensions(usize),
    /// Another array of the request does not lie on the grid of the data.
    #[error("{name} has shape {found:?}; it must have shape {expected:?}")]
    Shape {
        /// The argument.
        name: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits the data.
        expected: Vec<usize>,
    },
    /// Not a power of extents or of heights.
    #[error("{name} is {found}; it must be a number of 0 or more")]
    Power {
        /// The argument.
        name: &'static str,
        /// Its value.
        found: f64,
    },
    /// Scores beyond the range of the type that they are written in.
    #[error("the scores of data are too large or too small for {0}; scale data")]
    Scores(&'static str),
    /// A pair of pieces of which one is none.
    #[error("touching names piece {found}; there are {count}, counted from 0")]
    Piece {
        /// What was named.
        found: u32,
        /// How many pieces there are.
        count: u32,
    },
    /// Two looks at the data found different values.
    #[error(
        "data have changed while they were read; no other thread may write to them \
         before the call returns"
    )]
    Changed,
    /// Voxels of a row are counted in 31 bits and runs in 32.
    #[error("data are too large for cluster labelling; split them")]
    TooLarge,
}

/// Short for a result with this crate's [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;
