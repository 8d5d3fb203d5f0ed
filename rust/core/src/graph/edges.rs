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
use crate::parallel;
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
#[derive(Debug, Clone)]
pub struct Graph<'a> {
    nodes: usize,
    surfaces: Vec<Surface<'a>>,
    pairs: &'a [[i32; 2]],
}

/// The triangles of a surface, the vertices of which are nodes that follow one another.
#[derive(Debug, Clone, Copy)]
pub struct Surface<'a> {
    /// The node that vertex 0 is.
    pub first: u32,
    /// The vertices that each triangle joins.
    pub triangles: Triangles<'a>,
}

/// Triangles as files and programs have them, so that they need not be copied.
#[derive(Debug, Clone, Copy)]
pub enum Triangles<'a> {
    /// In 32 bits.
    Narrow(&'a [[i32; 3]]),
    /// In 64 bits.
    Wide(&'a [[i64; 3]]),
}

impl<'a> Triangles<'a> {
    fn len(&self) -> usize {
        match self {
            Self::Narrow(triangles) => triangles.len(),
            Self::Wide(triangles) => triangles.len(),
        }
    }

    /// So many of them after one another.
    fn chunks(self, length: usize) -> Vec<Triangles<'a>> {
        match self {
            Self::Narrow(triangles) => triangles.chunks(length).map(Self::Narrow).collect(),
            Self::Wide(triangles) => triangles.chunks(length).map(Self::Wide).collect(),
        }
    }
}

impl Surface<'_> {
    /// Calls `visit` with the nodes of each triangle.
    ///
    /// Some triangles at a time are brought into one form first. So there is one place that
    /// calls `visit`, which is then a part of the loop, and not two, for the types of triangles,
    /// which would both call a function: three times as long for what looks at sides.
    #[inline(always)]
    pub(crate) fn for_each_triangle(&self, mut visit: impl FnMut([u32; 3])) {
        const BLOCK: usize = 256;
        let mut nodes = [[0; 3]; BLOCK];
        let count = self.triangles.len();
        for start in (0..count).step_by(BLOCK) {
            let some = &mut nodes[..(count - start).min(BLOCK)];
            match self.triangles {
                Triangles::Narrow(rows) => nodes_of(&rows[start..], self.first, some),
                Triangles::Wide(rows) => nodes_of(&rows[start..], self.first, some),
            }
            for &triangle in some.iter() {
                visit(triangle);
            }
        }
    }

    /// The triangles that have an edge whose nodes are on the same side, not 0.
    fn joining(&self, sides: &[Side]) -> Vec<[u32; 3]> {
        let mut found = Vec::new();
        self.for_each_triangle(|triangle| {
            let [a, b, c] = triangle.map(|node| sides[node as usize]);
            if a & b | b & c | c & a != 0 {
                found.push(triangle);
            }
        });
        found
    }
}

impl<'a> Graph<'a> {
    /// A graph of so many nodes. Reads triangles and pairs once and copies nothing.
    ///
    /// # Errors
    ///
    /// A triangle or a pair that names a node that is not there; 2³¹ nodes or more.
    pub fn new(nodes: usize, triangles: &'a [[i32; 3]], pairs: &'a [[i32; 2]]) -> Result<Self> {
        let triangles = Triangles::Narrow(triangles);
        Self::of_surfaces(nodes, vec![Surface { first: 0, triangles }], pairs)
    }

    /// The same of several surfaces, each with vertices of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Graph::new`].
    pub fn of_surfaces(
        nodes: usize,
        surfaces: Vec<Surface<'a>>,
        pairs: &'a [[i32; 2]],
    ) -> Result<Self> {
        let most = i32::try_from(nodes).map_err(|_| Error::TooLarge)?.cast_unsigned();
        let graph = Self::of_checked(nodes, surfaces, pairs);
        // Lists of neighbours are counted in 32 bits.
        let edges = graph.triangle_count().saturating_mul(2).saturating_add(pairs.len());
        u32::try_from(edges).map_err(|_| Error::TooLarge)?;
        for Surface { first, triangles } in &graph.surfaces {
            let vertices = most.saturating_sub(*first);
            let array = Array::Triangles;
            match triangles {
                Triangles::Narrow(rows) => check_nodes(array, rows, vertices)?,
                Triangles::Wide(rows) => check_nodes(array, rows, vertices)?,
            }
        }
        check_nodes(Array::Pairs, pairs, most)?;
        Ok(graph)
    }

    /// The same of arrays that have passed [`Graph::of_surfaces`] before. At a node that is
    /// not there a call panics.
    #[must_use]
    pub fn of_checked(nodes: usize, surfaces: Vec<Surface<'a>>, pairs: &'a [[i32; 2]]) -> Self {
        Self { nodes, surfaces, pairs }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// How many triangles there are.
    pub(crate) fn triangle_count(&self) -> usize {
        self.surfaces.iter().map(|surface| surface.triangles.len()).sum()
    }

    /// Calls `visit` with the nodes of each triangle.
    #[inline(always)]
    pub(crate) fn for_each_triangle(&self, mut visit: impl FnMut([u32; 3])) {
        for surface in &self.surfaces {
            surface.for_each_triangle(&mut visit);
        }
    }

    /// The surfaces in parts that threads may work on, in their order.
    pub(crate) fn parts(&self) -> Vec<Surface<'a>> {
        let length = parallel::slab_thickness(self.triangle_count());
        let parts = self.surfaces.iter().flat_map(|&Surface { first, triangles }| {
            let chunks = triangles.chunks(length).into_iter();
            chunks.map(move |triangles| Surface { first, triangles })
        });
        parts.collect()
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
        // There are few of these, and threads look for them.
        let joining = parallel::map(self.parts(), |part| part.joining(sides));
        for [a, b, c] in joining.into_iter().flatten() {
            let (side_a, side_b, side_c) = (side(a), side(b), side(c));
            let (ab, bc, ca) = (side_a & side_b, side_b & side_c, side_c & side_a);
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

/// Writes the nodes of the first of some triangles.
#[inline(always)]
fn nodes_of<I: NodeNumber>(triangles: &[[I; 3]], first: u32, nodes: &mut [[u32; 3]]) {
    for (nodes, triangle) in nodes.iter_mut().zip(triangles) {
        *nodes = triangle.map(|vertex| vertex.low_bits().wrapping_add(first));
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

/// Checks that all rows name nodes that are there.
fn check_nodes<I: NodeNumber, const LENGTH: usize>(
    array: Array,
    rows: &[[I; LENGTH]],
    nodes: u32,
) -> Result<()> {
    let named = rows.as_flattened();
    if named.is_empty() || dispatch(Largest(named)).into() < u64::from(nodes) {
        return Ok(());
    }
    let is_absent = |node: &I| node.unsigned().into() >= u64::from(nodes);
    let place = named.iter().position(is_absent).ok_or(Error::Changed)?;
    let (row, found) = (place / LENGTH, named[place].into());
    Err(Error::Node { array, row, found, nodes: nodes as usize })
}

/// A type of the numbers of nodes.
trait NodeNumber: Copy + Into<i64> {
    type Unsigned: Copy + Ord + Default + Into<u64>;

    /// The number; a large one if it is negative.
    fn unsigned(self) -> Self::Unsigned;

    /// The number, if it has been checked: there are fewer than 2³¹ nodes.
    fn low_bits(self) -> u32;
}

impl NodeNumber for i32 {
    type Unsigned = u32;

    #[inline(always)]
    fn unsigned(self) -> u32 {
        self.cast_unsigned()
    }

    #[inline(always)]
    fn low_bits(self) -> u32 {
        self.cast_unsigned()
    }
}

impl NodeNumber for i64 {
    type Unsigned = u64;

    #[inline(always)]
    fn unsigned(self) -> u64 {
        self.cast_unsigned()
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "checked: there are fewer nodes")]
    fn low_bits(self) -> u32 {
        self.cast_unsigned() as u32
    }
}

/// The largest number.
struct Largest<'a, I>(&'a [I]);

impl<I: NodeNumber> Loop for Largest<'_, I> {
    type Output = I::Unsigned;

    #[inline(always)]
    fn call(self) -> I::Unsigned {
        let first = I::Unsigned::default();
        self.0.iter().fold(first, |largest, node| largest.max(node.unsigned()))
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

    #[test]
    fn each_surface_has_vertices_of_its_own() {
        for found in [3, -1, 1 << 32, i64::MIN, 2] {
            let triangles = [[0, 1, 2], [0, found, 1]];
            let one = Surface { first: 0, triangles: Triangles::Narrow(&[[0, 1, 2]]) };
            let other = Surface { first: 1, triangles: Triangles::Wide(&triangles) };
            let graph = Graph::of_surfaces(4, vec![one, other], &[]);
            if found == 2 {
                let mut nodes = Vec::new();
                graph.unwrap().for_each_triangle(|corners| nodes.push(corners));
                assert_eq!(nodes, [[0, 1, 2], [1, 2, 3], [1, 3, 2]]);
            } else {
                let error = Error::Node { array: Array::Triangles, row: 1, found, nodes: 3 };
                assert_eq!(graph.unwrap_err(), error);
            }
        }
    }
}
