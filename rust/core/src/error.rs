//! What can be wrong with a call.

use std::fmt;

use thiserror::Error;

/// A call that cannot be carried out.
///
/// Nothing has been written when one of these is returned, but for one case: a volume
/// that turns out to have too many runs or clusters ([`Error::TooLarge`], from 2³² voxels
/// on) may have been written in part, or changed in part by a call that works in place.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The threshold is NaN, which orders with nothing.
    #[error("the threshold is NaN; it must be a number")]
    NanThreshold,
    /// A threshold for both sides is a distance from zero.
    #[error("the threshold is {0}; for both sides it must be 0 or more")]
    NegativeThreshold(f64),
    /// Not one of the three neighbourhoods of a voxel.
    #[error("a voxel has 6, 18 or 26 neighbours, not {0}")]
    Connectivity(u8),
    /// Not a percentage.
    #[error("the percentage is {0}; it must be from 0 to 100")]
    Percent(f64),
    /// Neither a volume nor a series of volumes.
    #[error("the map has {0} axes; it must have 3, or 4 with the volumes along the last")]
    Axes(usize),
    /// An array that must have the shape of another has a different one.
    #[error("the {array} has shape {found:?}; it must have shape {expected:?}")]
    Shape {
        /// Which array.
        array: Array,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits the map.
        expected: Vec<usize>,
    },
    /// Not a power that extents or heights can be raised to.
    #[error("the power of the {of} is {found}; it must be a number of 0 or more")]
    Power {
        /// What is raised to the power.
        of: Powered,
        /// Its value.
        found: f64,
    },
    /// Scores beyond the range of the type that they are written in.
    #[error("scores are too large or too small for {0}")]
    Scores(&'static str),
    /// A pair that names a cluster of a block that is not there.
    #[error("a pair names cluster {found} of {count}, counted from 0")]
    BlockCluster {
        /// What was named.
        found: u32,
        /// How many clusters there are.
        count: u32,
    },
    /// A triangle or a pair that names a node that is not there.
    #[error("row {row} of the {array} names node {found} of {nodes}, counted from 0")]
    Node {
        /// Of which array.
        array: Array,
        /// The first row that does.
        row: usize,
        /// What was named.
        found: i64,
        /// How many there are: nodes, or vertices of the surface that a triangle is of.
        nodes: usize,
    },
    /// A surface with vertices beyond the nodes of its graph.
    #[error("a surface has vertices up to node {end} of {nodes}")]
    Surface {
        /// One more than the node of its last vertex.
        end: u64,
        /// How many nodes there are.
        nodes: usize,
    },
    /// An area that cannot be added up.
    #[error("the area of node {node} is {found}; it must be from 0 to {limit}, or NaN for none")]
    Area {
        /// The first node that has one.
        node: usize,
        /// Its area.
        found: f64,
        /// The largest area that so many nodes may have.
        limit: f64,
    },
    /// Not the least area of a cluster.
    #[error("the least area is {0}; it must be a number of 0 or more")]
    LeastArea(f64),
    /// Coordinates that give no areas.
    #[error("node {node} is at {found:?}; coordinates must be finite, and less than 1e100")]
    Coordinates {
        /// The first node that has some.
        node: usize,
        /// They.
        found: [f64; 3],
    },
    /// Two looks at the map found different values.
    #[error("the map has changed while it was read")]
    Changed,
    /// Voxels of a plane and runs are counted in 32 bits, voxels that are sorted in 31.
    #[error("the map is too large")]
    TooLarge,
}

/// An array of a call that must have the shape of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Array {
    /// Where the result goes.
    Output,
    /// The mask.
    Mask,
    /// Where the labels go.
    Labels,
    /// A map that is looked at under the clusters of another.
    ExtraMap,
    /// Maps, one in a row.
    Maps,
    /// What the observations are weighted by.
    Weights,
    /// A map on a graph.
    Map,
    /// The areas of nodes.
    Areas,
    /// The coordinates of nodes.
    Coordinates,
    /// The triangles of a graph.
    Triangles,
    /// The pairs of a graph.
    Pairs,
}

impl fmt::Display for Array {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Output => "output",
            Self::Mask => "mask",
            Self::Labels => "array of labels",
            Self::ExtraMap => "extra map",
            Self::Maps => "array of maps",
            Self::Weights => "array of weights",
            Self::Map => "map",
            Self::Areas => "array of areas",
            Self::Coordinates => "array of coordinates",
            Self::Triangles => "triangles",
            Self::Pairs => "pairs",
        })
    }
}

/// What is raised to a power in a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Powered {
    /// The extent of a cluster, to the power E.
    Extent,
    /// The height of a threshold, to the power H.
    Height,
}

impl fmt::Display for Powered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Extent => "extent",
            Self::Height => "height",
        })
    }
}

/// Short for a result with this crate's [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;
