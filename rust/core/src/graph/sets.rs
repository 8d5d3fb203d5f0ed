//! The clusters of a map on a graph: sets of nodes.
//!
//! ```text
//! sides of nodes     + + 0 - + -         a triangle or a pair joins nodes of one side;
//! triangles          [0 1 2] [3 5 2]     a parent never comes after its child
//! parents            0 0 . 3 4 3
//! clusters           0 0 . 1 2 1         in the order of their first nodes
//! ```

use crate::error::Result;
use crate::graph::areas::{Area, Areas};
use crate::graph::edges::{Graph, Side};
use crate::request::Request;
use crate::runs::union_find::Forest;

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
    /// Joins the nodes of each side. `visit` is called with all edges that join, too, if
    /// `EVERY` edge is wanted, else with enough of them to join what is one cluster. Linear
    /// time but for the nearly constant factor of union-find.
    pub(crate) fn of<const EVERY: bool>(
        graph: &Graph<'_>,
        sides: &[Side],
        mut visit: impl FnMut(u32, u32),
    ) -> Self {
        let mut parent: Vec<u32> = (0..).take(sides.len()).collect();
        let mut forest = Forest::new(&mut parent);
        graph.for_each_edge::<EVERY>(sides, |a, b| {
            forest.union(a, b);
            visit(a, b);
        });
        let nodes: Vec<u32> =
            (0..).zip(sides).filter(|(_, side)| **side != 0).map(|(node, _)| node).collect();
        let mut extents = Vec::new();
        let number = |&node: &u32| {
            let up = parent[node as usize];
            // A parent is a node that passes, and has come before.
            let number = if up == node {
                extents.push(0);
                u32::try_from(extents.len() - 1).expect("fewer than nodes")
            } else {
                parent[up as usize]
            };
            parent[node as usize] = number;
            extents[number as usize] += 1;
            number
        };
        let of_nodes = nodes.iter().map(number).collect();
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
        request: Request,
        areas: Option<&Areas<'_>>,
        of_clusters: &[Option<Area>],
    ) -> Vec<bool> {
        let large =
            |area: &Option<Area>| areas.zip(*area).is_none_or(|(areas, area)| areas.keep(area));
        let clusters = self.extents.iter().zip(of_clusters);
        clusters.map(|(&extent, area)| extent >= request.min_extent && large(area)).collect()
    }
}

/// Checks that there is an area for each node.
pub(crate) fn check_areas(graph: &Graph<'_>, areas: Option<&Areas<'_>>) -> Result<()> {
    areas.map_or(Ok(()), |areas| graph.check(crate::error::Array::Areas, areas.shape()))
}
