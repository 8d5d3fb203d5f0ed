//! The clusters of a map on a graph: sets of nodes.
//!
//! ```text
//! sides of nodes     + + 0 - + -         a triangle or a pair joins nodes of one side
//! triangles          [0 1 2] [3 5 2]
//! nodes that pass    0 1 3 4 5           most do not
//! their parents      0 0 2 3 2           by their places here
//! clusters           0 0 1 2 1           in the order of their first nodes
//! ```

use crate::error::Result;
use crate::graph::areas::{Area, Areas};
use crate::graph::edges::{Joined, Passing};
use crate::graph::triangles::Graph;
use crate::runs::union_find::{Forest, number};

/// The clusters of every extent, in the order of their first nodes.
pub(crate) struct Clusters {
    /// The nodes that pass, in their order.
    pub(crate) nodes: Vec<u32>,
    /// The cluster of each of these.
    pub(crate) of_nodes: Vec<u32>,
    /// How many nodes each cluster has.
    pub(crate) extents: Vec<u64>,
}

impl Clusters {
    /// Joins what touches. Linear time but for the nearly constant factor of union-find.
    pub(crate) fn of(passing: Passing, joined: &[Vec<Joined>]) -> Self {
        let nodes = passing.nodes;
        let mut of_nodes: Vec<u32> = (0..).take(nodes.len()).collect();
        let mut forest = Forest::new(&mut of_nodes);
        for &[a, b, c] in joined.iter().flatten() {
            forest.union(a, b);
            forest.union(b, c);
        }
        let mut extents = vec![0; number(&mut of_nodes)];
        for &cluster in &of_nodes {
            extents[cluster as usize] += 1;
        }
        Self { nodes, of_nodes, extents }
    }

    /// Nodes and their clusters.
    pub(crate) fn members(&self) -> impl Iterator<Item = (u32, usize)> {
        self.nodes.iter().zip(&self.of_nodes).map(|(&node, &cluster)| (node, cluster as usize))
    }

    /// The area of each cluster; `None` of those that hold nodes without area.
    pub(crate) fn areas(&self, areas: Option<&Areas<'_>>) -> Vec<Option<Area>> {
        let Some(areas) = areas else { return vec![None; self.extents.len()] };
        let mut sums = vec![Some(Area::default()); self.extents.len()];
        for (node, cluster) in self.members() {
            let sum = &mut sums[cluster];
            *sum = sum.zip(areas.of(node)).map(|(sum, area)| sum.plus(area));
        }
        sums
    }

    /// Whether each cluster stays.
    pub(crate) fn stay(
        &self,
        min_extent: u64,
        areas: Option<&Areas<'_>>,
        of_clusters: &[Option<Area>],
    ) -> Vec<bool> {
        let large =
            |area: &Option<Area>| areas.zip(*area).is_none_or(|(areas, area)| areas.keep(area));
        let clusters = self.extents.iter().zip(of_clusters);
        clusters.map(|(&extent, area)| extent >= min_extent && large(area)).collect()
    }
}

/// Checks that there is an area for each node.
pub(crate) fn check_areas(graph: &Graph<'_>, areas: Option<&Areas<'_>>) -> Result<()> {
    areas.map_or(Ok(()), |areas| graph.check(crate::error::Array::Areas, areas.shape()))
}
