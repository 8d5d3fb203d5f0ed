//! Maps on a graph: surfaces, and grayordinates of surfaces and voxels.
//!
//! ```text
//! triangles, pairs ──triangles──▶ Graph ─────────────┐
//! map ──threshold of a volume──▶ values that pass ──edges──▶ what touches ──sets──▶ clusters
//! areas of nodes ──────────────────areas──────────────────────────────────────────────┤
//!                                                                        erase, table ◀─┘
//! map ──▶ sort keys ──higher_neighbours──▶ component tree ──▶ sweep: scores, merge tree
//! ```
//!
//! A node is a vertex of a surface or a voxel, and a map has one value for each. A triangle
//! joins its three corners, and a pair its two nodes. At one threshold nothing else is needed:
//! the sets of clusters are made of the triangles themselves, and no list of neighbours is
//! built.

pub(crate) mod areas;
mod edges;
pub(crate) mod erase;
mod higher_neighbours;
mod sets;
pub(crate) mod sweep;
pub(crate) mod table;
pub(crate) mod triangles;
pub(crate) mod vertex_areas;
