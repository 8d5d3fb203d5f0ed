//! A graph as its triangles and pairs, and the edges that a map leaves of it.
//!
//! ```text
//! triangle   a ─── b      sides   + + +   edges  ab bc (ca)
//!             \   /               + 0 +          ca
//!              \ /                + + -          ab
//!               c                 + 0 -          none
//! ```

// Rejected: lists of neighbours made of the triangles first. To make them takes three times as
// long as to find the clusters of a map (surface of 327 684 vertices), and pays only from some
// ten maps on.

use ndarray::{ArrayView1, ArrayView3, Axis};

use crate::error::{Array, Error, Result};
use crate::map::series::check_shape;
use crate::simd::dispatch::{Loop, dispatch};
use crate::voxel::Voxel;

/// The side of zero that a node is on: 0 if it does not pass.
pub(crate) type Side = u8;

pub(crate) const POSITIVE: Side = 1;
pub(crate) const NEGATIVE: Side = 2;

/// Nodes, some of which are neighbours: the corners of a triangle, and the nodes of a pair.
///
/// Triangles and pairs may repeat one another, and name a node twice: `[0, 0, 9]` joins 0 and
/// 9, and `[5, 5, 5]` nothing. A node of none of them has no neighbours.
///
/// ```
/// use nithresh_core::Graph;
///
/// // A square of two triangles, and a pair of voxels.
/// assert!(Graph::new(6, &[[0, 1, 2], [2, 1, 3]], &[[4, 5]]).is_ok());
/// assert!(Graph::new(4, &[[0, 1, 2], [2, 1, 4]], &[]).is_err());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    nodes: usize,
    triangles: &'a [[i32; 3]],
    pairs: &'a [[i32; 2]],
}

impl<'a> Graph<'a> {
    /// A graph of so many nodes. Reads triangles and pairs once and copies nothing.
    ///
    /// # Errors
    ///
    /// A triangle or a pair that names a node that is not there; 2³¹ nodes or more.
    pub fn new(nodes: usize, triangles: &'a [[i32; 3]], pairs: &'a [[i32; 2]]) -> Result<Self> {
        let most = i32::try_from(nodes).map_err(|_| Error::TooLarge)?;
        // Lists of neighbours are counted in 32 bits.
        let edges = triangles.len().saturating_mul(2).saturating_add(pairs.len());
        u32::try_from(edges).map_err(|_| Error::TooLarge)?;
        let rows = [
            (Array::Triangles, triangles.as_flattened(), 3),
            (Array::Pairs, pairs.as_flattened(), 2),
        ];
        for (array, named, length) in rows {
            if dispatch(NamesOthers { named, nodes: most.cast_unsigned() }) {
                let is_absent = |node: &i32| !(0..most).contains(node);
                let place = named.iter().position(is_absent).ok_or(Error::Changed)?;
                let (row, found) = (place / length, named[place]);
                return Err(Error::Node { array, row, found, nodes });
            }
        }
        Ok(Self { nodes, triangles, pairs })
    }

    /// The same of arrays that have passed [`Graph::new`] before. At a node that is not there
    /// a call panics.
    #[must_use]
    pub fn of_checked(nodes: usize, triangles: &'a [[i32; 3]], pairs: &'a [[i32; 2]]) -> Self {
        Self { nodes, triangles, pairs }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    pub(crate) fn triangles(&self) -> impl ExactSizeIterator<Item = [u32; 3]> + use<'a> {
        self.triangles.iter().map(|corners| corners.map(i32::cast_unsigned))
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = [u32; 2]> + use<'a> {
        self.pairs.iter().map(|nodes| nodes.map(i32::cast_unsigned))
    }

    /// Calls `visit` with the nodes of each edge whose nodes are on the same side, not 0.
    ///
    /// If not `EVERY` edge is wanted, the third of a triangle whose corners are all on one side
    /// is left out: its nodes are joined by the other two.
    #[inline(always)]
    pub(crate) fn for_each_edge<const EVERY: bool>(
        &self,
        sides: &[Side],
        mut visit: impl FnMut(u32, u32),
    ) {
        let side = |node: u32| sides[node as usize];
        for [a, b, c] in self.triangles() {
            let (side_a, side_b, side_c) = (side(a), side(b), side(c));
            let (ab, bc, ca) = (side_a & side_b, side_b & side_c, side_c & side_a);
            if ab | bc | ca == 0 {
                continue;
            }
            if ab != 0 {
                visit(a, b);
            }
            if bc != 0 {
                visit(b, c);
            }
            if ca != 0 && (EVERY || ab & bc == 0) {
                visit(c, a);
            }
        }
        for [a, b] in self.pairs() {
            if side(a) & side(b) != 0 {
                visit(a, b);
            }
        }
    }

    /// Checks that an array has an entry for each node.
    pub(crate) fn check(&self, array: Array, shape: &[usize]) -> Result<()> {
        check_shape(array, shape, &[self.nodes])
    }

    /// Checks a map and its mask.
    pub(crate) fn check_map<T>(
        &self,
        data: &ArrayView1<'_, T>,
        mask: Option<&ArrayView1<'_, bool>>,
    ) -> Result<()> {
        self.check(Array::Map, data.shape())?;
        mask.map_or(Ok(()), |mask| self.check(Array::Mask, mask.shape()))
    }
}

/// A map of nodes as a volume of one row, for what does not ask for neighbours.
pub(crate) fn as_volume<T>(map: ArrayView1<'_, T>) -> ArrayView3<'_, T> {
    map.insert_axis(Axis(0)).insert_axis(Axis(0))
}

/// The side of each node of a map in which all that does not pass is zero.
pub(crate) fn sides<T: Voxel>(passing: &[T]) -> Vec<Side> {
    let mut sides = vec![0; passing.len()];
    dispatch(FindSides { passing, sides: &mut sides });
    sides
}

struct FindSides<'a, T> {
    passing: &'a [T],
    sides: &'a mut [Side],
}

impl<T: Voxel> Loop for FindSides<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (side, &value) in self.sides.iter_mut().zip(self.passing) {
            *side = Side::from(value > T::ZERO) * POSITIVE + Side::from(value < T::ZERO) * NEGATIVE;
        }
    }
}

/// Whether any number is not that of a node.
struct NamesOthers<'a> {
    named: &'a [i32],
    nodes: u32,
}

impl Loop for NamesOthers<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        // A negative number is a large one.
        let largest = self.named.iter().fold(0, |all: u32, &node| all.max(node.cast_unsigned()));
        !self.named.is_empty() && largest >= self.nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges<const EVERY: bool>(triangle: [i32; 3], sides: &[Side]) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        let graph = Graph::new(sides.len(), std::slice::from_ref(&triangle), &[]).unwrap();
        graph.for_each_edge::<EVERY>(sides, |a, b| found.push((a, b)));
        found
    }

    #[test]
    fn a_triangle_has_the_edges_of_its_sides() {
        assert_eq!(edges::<false>([0, 1, 2], &[1, 1, 1]), [(0, 1), (1, 2)]);
        assert_eq!(edges::<true>([0, 1, 2], &[2, 2, 2]), [(0, 1), (1, 2), (2, 0)]);
        assert_eq!(edges::<false>([0, 1, 2], &[1, 0, 1]), [(2, 0)]);
        assert_eq!(edges::<false>([0, 1, 2], &[1, 1, 2]), [(0, 1)]);
        assert_eq!(edges::<true>([0, 1, 2], &[1, 0, 2]), []);
    }

    #[test]
    fn the_first_node_that_is_not_there_is_named() {
        let error = |array, row, found| Error::Node { array, row, found, nodes: 3 };
        let found = Graph::new(3, &[[0, 1, 2], [1, -1, 3]], &[[0, 7]]).unwrap_err();
        assert_eq!(found, error(Array::Triangles, 1, -1));
        assert_eq!(Graph::new(3, &[], &[[0, 2], [0, 3]]).unwrap_err(), error(Array::Pairs, 1, 3));
        assert_eq!(Graph::new(1 << 31, &[], &[]).unwrap_err(), Error::TooLarge);
        assert!(Graph::new(0, &[], &[]).is_ok());
        assert!(Graph::new(0, &[[0, 0, 0]], &[]).is_err());
    }
}
