//! A graph as its triangles and pairs.
//!
//! Triangles are many and a map at a threshold needs each once, so they are checked when they
//! are read.

// Rejected: lists of neighbours made of the triangles first. To make them takes three times as
// long as to find the clusters of a map (surface of 327 684 vertices), and pays only from some
// ten maps on.

use ndarray::{ArrayView1, ArrayView3, Axis};

use crate::error::{Array, Error, Result};
use crate::map::series::check_shape;
use crate::parallel;
use crate::simd::dispatch::{Loop, dispatch};

/// Nodes, some of which are neighbours: the corners of a triangle, and the nodes of a pair.
///
/// Triangles and pairs may repeat one another, and name a node twice: `[0, 0, 9]` joins 0 and
/// 9, and `[5, 5, 5]` nothing. A node of none of them has no neighbours. If a triangle or a
/// pair names a node that is not there, each call that uses the graph is an error.
///
/// ```
/// use ndarray::array;
/// use nithresh_core::{Graph, Request, Sides};
///
/// // A square of two triangles, and a pair of voxels.
/// let graph = Graph::new(6, &[[0, 1, 2], [2, 1, 3]], &[[4, 5]])?;
/// let map = array![3.0_f32, 1.0, 3.0, 3.0, 1.0, 3.0];
/// let request = Request::new(3.0, Sides::Both)?;
/// let found = graph.find_clusters(map.view(), None, None, request, None)?;
/// assert_eq!(found.labels, [1, 0, 1, 1, 0, 2]);
///
/// let wrong = Graph::new(6, &[[0, 1, 6]], &[])?;
/// assert!(wrong.find_clusters(map.view(), None, None, request, None).is_err());
/// # Ok::<(), nithresh_core::Error>(())
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
    /// How many vertices there are.
    pub vertices: u32,
    /// The vertices that each triangle joins, counted from 0.
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
    /// Calls `visit` with the nodes of each triangle, which must have been checked.
    ///
    /// Some triangles at a time are brought into one form first. So there is one place that
    /// calls `visit`, which is then a part of the loop, and not two, for the types of triangles,
    /// which would both call a function.
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

    /// Checks that all triangles name vertices that are there.
    fn check(&self) -> Result<()> {
        match self.triangles {
            Triangles::Narrow(rows) => check_nodes(Array::Triangles, rows, self.vertices),
            Triangles::Wide(rows) => check_nodes(Array::Triangles, rows, self.vertices),
        }
    }
}

impl<'a> Graph<'a> {
    /// A graph of so many nodes. Reads and copies nothing.
    ///
    /// # Errors
    ///
    /// 2³¹ nodes or more, or as many triangles and pairs.
    pub fn new(nodes: usize, triangles: &'a [[i32; 3]], pairs: &'a [[i32; 2]]) -> Result<Self> {
        let vertices = u32::try_from(nodes).map_err(|_| Error::TooLarge)?;
        let triangles = Triangles::Narrow(triangles);
        Self::of_surfaces(nodes, vec![Surface { first: 0, vertices, triangles }], pairs)
    }

    /// The same of several surfaces, each with vertices of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Graph::new`]; a surface with vertices beyond the nodes.
    pub fn of_surfaces(
        nodes: usize,
        surfaces: Vec<Surface<'a>>,
        pairs: &'a [[i32; 2]],
    ) -> Result<Self> {
        i32::try_from(nodes).map_err(|_| Error::TooLarge)?;
        let graph = Self { nodes, surfaces, pairs };
        // Lists of neighbours are counted in 32 bits.
        let edges = graph.triangle_count().saturating_mul(2).saturating_add(pairs.len());
        u32::try_from(edges).map_err(|_| Error::TooLarge)?;
        let end = |surface: &Surface<'_>| u64::from(surface.first) + u64::from(surface.vertices);
        match graph.surfaces.iter().map(end).find(|&end| end > nodes as u64) {
            Some(end) => Err(Error::Surface { end, nodes }),
            None => Ok(graph),
        }
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
        let parts = self.surfaces.iter().flat_map(|&surface| {
            let chunks = surface.triangles.chunks(length).into_iter();
            chunks.map(move |triangles| Surface { triangles, ..surface })
        });
        parts.collect()
    }

    /// The pairs, which are checked by whoever reads them.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = [u32; 2]> + use<'a> {
        self.pairs.iter().map(|nodes| nodes.map(i32::cast_unsigned))
    }

    /// Checks that triangles and pairs name nodes that are there.
    pub(crate) fn check_nodes(&self) -> Result<()> {
        self.surfaces.iter().try_for_each(Surface::check)?;
        let nodes = u32::try_from(self.nodes).map_err(|_| Error::TooLarge)?;
        check_nodes(Array::Pairs, self.pairs, nodes)
    }

    /// The error of the first triangle or pair that names a node that is not there.
    #[cold]
    pub(crate) fn absent(&self) -> Error {
        self.check_nodes().err().unwrap_or(Error::Changed)
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
pub(crate) trait NodeNumber: Copy + Into<i64> {
    type Unsigned: Copy + Ord + Default + Into<u64>;

    /// The number; a large one if it is negative.
    fn unsigned(self) -> Self::Unsigned;

    /// The number; one beyond all arrays if it is negative.
    #[inline(always)]
    fn index(self) -> usize {
        usize::try_from(self.unsigned().into()).unwrap_or(usize::MAX)
    }

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

    #[test]
    fn the_first_node_that_is_not_there_is_named() {
        let error = |array, row, found| Err(Error::Node { array, row, found, nodes: 3 });
        let checked = |nodes: usize, triangles: &[[i32; 3]], pairs: &[[i32; 2]]| {
            Graph::new(nodes, triangles, pairs)?.check_nodes()
        };
        let found = checked(3, &[[0, 1, 2], [1, -1, 3]], &[[0, 7]]);
        assert_eq!(found, error(Array::Triangles, 1, -1));
        assert_eq!(checked(3, &[], &[[0, 2], [0, 3]]), error(Array::Pairs, 1, 3));
        assert_eq!(checked(1 << 31, &[], &[]), Err(Error::TooLarge));
        assert_eq!(checked(0, &[], &[]), Ok(()));
        assert!(checked(0, &[[0, 0, 0]], &[]).is_err());
    }

    #[test]
    fn each_surface_has_vertices_of_its_own() {
        for found in [3, -1, 1 << 32, i64::MIN, 2] {
            let triangles = [[0, 1, 2], [0, found, 1]];
            let surface = |first, triangles| Surface { first, vertices: 3, triangles };
            let one = surface(0, Triangles::Narrow(&[[0, 1, 2]]));
            let other = surface(1, Triangles::Wide(&triangles));
            let graph = Graph::of_surfaces(5, vec![one, other], &[]).unwrap();
            let error = Error::Node { array: Array::Triangles, row: 1, found, nodes: 3 };
            let expected = if found == 2 { Ok(()) } else { Err(error) };
            assert_eq!(graph.check_nodes(), expected);
            if found == 2 {
                let mut nodes = Vec::new();
                graph.for_each_triangle(|corners| nodes.push(corners));
                assert_eq!(nodes, [[0, 1, 2], [1, 2, 3], [1, 3, 2]]);
            }
        }
        let triangles = Triangles::Narrow(&[]);
        let beyond = Surface { first: 3, vertices: 3, triangles };
        let refused = Graph::of_surfaces(5, vec![beyond], &[]).unwrap_err();
        assert_eq!(refused, Error::Surface { end: 6, nodes: 5 });
        let beyond = Surface { first: u32::MAX, vertices: u32::MAX, triangles };
        assert!(Graph::of_surfaces(5, vec![beyond], &[]).is_err());
    }
}
