//! What a map leaves of a graph: the nodes that pass, and which of them touch.
//!
//! ```text
//! triangle   a ─── b      sides   + + +     joins  a b c
//!             \   /               + 0 +            c a
//!              \ /                + + -            a b
//!               c                 + 0 -            none
//! ```
//!
//! Few nodes pass, so they are numbered: what follows works on these places, which are near
//! one another, and not on all nodes.

use crate::error::Result;
use crate::graph::triangles::{Graph, NodeNumber, Surface, Triangles};
use crate::parallel;
use crate::simd::bits::{self, WORD_BITS, below, word_and_bit};
use crate::simd::dispatch::{Loop, dispatch};
use crate::voxel::Voxel;

/// The side of zero that a node is on: 0 if it does not pass.
type Side = u8;

const POSITIVE: Side = 1;
const NEGATIVE: Side = 2;

/// Places of nodes on one side that a triangle or a pair joins; some may be the same.
pub(crate) type Joined = [u32; 3];

/// The nodes that pass, in their order, and the place of each in that.
pub(crate) struct Passing {
    pub(crate) nodes: Vec<u32>,
    /// Of each node.
    sides: Vec<Side>,
    /// For each 64 nodes: which of them pass, and how many pass before them.
    words: Vec<(u64, u32)>,
}

impl Passing {
    /// Of a map in which all that does not pass is zero.
    pub(crate) fn of<T: Voxel>(values: &[T]) -> Self {
        dispatch(FindPassing(values))
    }

    /// The place of a node that passes among all that do.
    #[inline(always)]
    fn place(&self, node: u32) -> u32 {
        let (word, bit) = word_and_bit(node as usize);
        let (passes, before) = self.words[word];
        before + (passes & below(bit)).count_ones()
    }

    /// All that touch and are on one side: enough to join all clusters, and if two nodes touch,
    /// they are together in one of these. Reads each triangle and each pair once.
    ///
    /// # Errors
    ///
    /// Those of [`Graph::check_nodes`].
    pub(crate) fn joined(&self, graph: &Graph<'_>) -> Result<Vec<Vec<Joined>>> {
        let parts = parallel::map(graph.parts(), |part| self.joined_by(part));
        let all = parts.into_iter().chain([self.joined_by_pairs(graph)]);
        all.collect::<Option<_>>().ok_or_else(|| graph.absent())
    }

    /// Those of the pairs; `None` if one names a node that is not there.
    fn joined_by_pairs(&self, graph: &Graph<'_>) -> Option<Vec<Joined>> {
        let mut joined = Vec::new();
        for [a, b] in graph.pairs() {
            let [side_a, side_b] = [a, b].map(|node| self.sides.get(node as usize));
            if side_a? & side_b? != 0 {
                joined.push([a, b, b].map(|node| self.place(node)));
            }
        }
        Some(joined)
    }

    /// Those of the triangles of a surface; `None` if one names a vertex that is not there.
    fn joined_by(
        &self,
        Surface { first, vertices, triangles }: Surface<'_>,
    ) -> Option<Vec<Joined>> {
        let sides = self.sides.get(first as usize..)?.get(..vertices as usize)?;
        match triangles {
            Triangles::Narrow(triangles) => {
                dispatch(Join { triangles, sides, first, passing: self })
            }
            Triangles::Wide(triangles) => dispatch(Join { triangles, sides, first, passing: self }),
        }
    }
}

struct FindPassing<'a, T>(&'a [T]);

impl<T: Voxel> Loop for FindPassing<'_, T> {
    type Output = Passing;

    #[inline(always)]
    fn call(self) -> Passing {
        let side = |value: T| {
            Side::from(value > T::ZERO) * POSITIVE + Side::from(value < T::ZERO) * NEGATIVE
        };
        let sides: Vec<_> = self.0.iter().map(|&value| side(value)).collect();
        let (chunks, rest) = sides.as_chunks();
        let mut last = [0; WORD_BITS];
        last[..rest.len()].copy_from_slice(rest);
        let (mut nodes, mut words) = (Vec::new(), Vec::with_capacity(chunks.len() + 1));
        let mut count = 0;
        for (first, sides) in (0..).step_by(WORD_BITS).zip(chunks.iter().chain([&last])) {
            let word = bits::of(sides, |side| side != 0);
            words.push((word, count));
            count += word.count_ones();
            bits::for_each(word, |bit| nodes.push(first + bit));
        }
        Passing { nodes, sides, words }
    }
}

/// Looks at the sides of the vertices of some triangles.
struct Join<'a, I> {
    triangles: &'a [[I; 3]],
    /// Of the vertices of the surface, the first of which is this node.
    sides: &'a [Side],
    first: u32,
    passing: &'a Passing,
}

impl<I: NodeNumber> Loop for Join<'_, I> {
    type Output = Option<Vec<Joined>>;

    #[inline(always)]
    fn call(self) -> Option<Vec<Joined>> {
        let mut joined = Vec::new();
        for triangle in self.triangles {
            let [a, b, c] = triangle.map(|vertex| self.sides.get(vertex.index()));
            let (a, b, c) = (*a?, *b?, *c?);
            let (ab, bc, ca) = (a & b, b & c, c & a);
            if ab | bc | ca == 0 {
                continue;
            }
            let [a, b, c] = triangle.map(|vertex| vertex.low_bits().wrapping_add(self.first));
            let nodes = match (ab != 0, bc != 0) {
                (true, true) => [a, b, c],
                (true, false) => [a, b, b],
                (false, true) => [b, c, c],
                (false, false) => [c, a, a],
            };
            joined.push(nodes.map(|node| self.passing.place(node)));
        }
        Some(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Array, Error};

    fn joined(triangle: [i32; 3], values: &[i8]) -> Vec<Joined> {
        let triangles = [triangle, [0, 0, 0]];
        let graph = Graph::new(values.len(), &triangles[..1], &[]).unwrap();
        Passing::of(values).joined(&graph).unwrap().concat()
    }

    #[test]
    fn a_triangle_joins_what_is_on_one_side() {
        assert_eq!(joined([0, 1, 2], &[7, 7, 7]), [[0, 1, 2]]);
        assert_eq!(joined([2, 1, 3], &[0, -7, -7, -7]), [[1, 0, 2]]);
        assert_eq!(joined([0, 1, 2], &[7, 0, 7]), [[1, 0, 0]]);
        assert_eq!(joined([0, 1, 2], &[7, 7, -7]), [[0, 1, 1]]);
        assert_eq!(joined([0, 1, 2], &[7, -7, -7]), [[1, 2, 2]]);
        assert!(joined([0, 1, 2], &[7, 0, -7]).is_empty());
    }

    #[test]
    fn places_are_counted_among_those_that_pass() {
        let values: Vec<i16> = (0..1000).map(|node| i16::from(node % 3 == 0) - 1).collect();
        let passing = Passing::of(&values);
        assert_eq!(passing.nodes.len(), 666);
        for (place, &node) in (0..).zip(&passing.nodes) {
            assert_eq!((passing.place(node), node % 3 == 0), (place, false));
        }
    }

    #[test]
    fn a_node_that_is_not_there_is_an_error() {
        let passing = Passing::of(&[1.0_f32; 5]);
        let refused = |triangle: [i64; 3], pairs: &[[i32; 2]]| {
            let (triangles, none) = ([triangle], [[0, 1, 2]]);
            let one = Surface { first: 1, vertices: 3, triangles: Triangles::Wide(&triangles) };
            let other = Surface { first: 2, vertices: 3, triangles: Triangles::Narrow(&none) };
            let graph = Graph::of_surfaces(5, vec![one, other], pairs).unwrap();
            let found = passing.joined(&graph);
            assert_eq!(found.as_ref().err(), graph.check_nodes().as_ref().err());
            found.map(|joined| joined.concat())
        };
        assert_eq!(refused([0, 2, 1], &[[0, 4]]).unwrap(), [[1, 3, 2], [2, 3, 4], [0, 4, 4]]);
        for node in [3, -1, 1 << 32, i64::MIN, i64::MAX] {
            let error = Error::Node { array: Array::Triangles, row: 0, found: node, nodes: 3 };
            assert_eq!(refused([0, 1, node], &[]), Err(error));
        }
        let error = Error::Node { array: Array::Pairs, row: 1, found: 5, nodes: 5 };
        assert_eq!(refused([0, 1, 2], &[[1, 2], [0, 5]]), Err(error));
    }
}
