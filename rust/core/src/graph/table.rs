//! What there is to say of each cluster of a map on a graph.
//!
//! The edges that join clusters also say where the local maxima are: of the two nodes of an
//! edge the lower one is none.
//!
//! ```text
//!   2 ── 5 ── 4       2 < 5, 5 > 4, 4 > 3: of each edge the lower node is struck out,
//!    \  /      \      and what is left are the maxima, here 5 alone
//!     1         3
//! ```

use std::cmp::Reverse;

use ndarray::{ArrayView1, ArrayViewMut1, Axis};

use crate::error::{Array, Result};
use crate::graph::areas::{Area, Areas};
use crate::graph::edges::Passing;
use crate::graph::sets::{Clusters, check_areas};
use crate::graph::triangles::{Graph, as_volume};
use crate::map::summary::{Summary, summary};
use crate::measure::exact_sum::Unit;
use crate::request::Request;
use crate::runs;
use crate::voxel::Voxel;

/// The clusters of a map on a graph, each at the place of its number less one.
///
/// Cluster 1 is the largest. Of clusters of the same extent, the one with the larger absolute
/// value comes first, and of those the one whose peak has the smaller number. Sums are exact,
/// as those of [`Table`](crate::Table).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NodeClusters {
    /// 1 or -1.
    pub signs: Vec<i8>,
    /// In nodes.
    pub extents: Vec<u64>,
    /// In the unit of the areas; NaN for clusters that hold nodes without area.
    pub areas: Vec<f64>,
    /// The node of the largest magnitude; of equal ones the one of the smallest number.
    pub peaks: Vec<u32>,
    /// The value of the peak.
    pub values: Vec<f64>,
    /// The mean value.
    pub means: Vec<f64>,
    /// The sum of all values.
    pub masses: Vec<f64>,
    /// The number of its cluster for each node; 0 for nodes of none.
    pub labels: Vec<i32>,
    /// The local maxima of the clusters.
    pub maxima: NodeMaxima,
    /// The map without what is in no cluster, in short, and whether the map has values that
    /// are not finite.
    pub summary: Summary,
}

/// The local maxima of clusters: nodes that no neighbour in the cluster exceeds in magnitude,
/// and that have smaller numbers than neighbours that equal them.
///
/// By cluster, then by magnitude, the largest first, then by number, so that the first of a
/// cluster is its peak.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NodeMaxima {
    /// The numbers of their clusters.
    pub clusters: Vec<u32>,
    /// The nodes.
    pub nodes: Vec<u32>,
    /// Their values.
    pub values: Vec<f64>,
}

impl Graph<'_> {
    /// Finds the clusters of a map: of the nodes that lie in `mask` and pass the threshold of
    /// `request`. Writes to `out`, if it is there, the values of the nodes whose cluster is
    /// large enough, zero elsewhere.
    ///
    /// All arrays have an entry for each node. The connectivity of the request does not matter.
    ///
    /// ```
    /// use ndarray::array;
    /// use nithresh_core::{Graph, Request, Sides};
    ///
    /// let graph = Graph::new(6, &[[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 5]], &[])?;
    /// let map = array![3.0_f32, -3.0, -4.0, 0.5, 3.5, 5.0];
    /// let request = Request::new(3.0, Sides::Both)?;
    /// let found = graph.find_clusters(map.view(), None, None, request, None)?;
    /// assert_eq!(found.labels, [3, 2, 2, 0, 1, 1]);
    /// assert_eq!(found.peaks, [5, 2, 0]);
    /// # Ok::<(), nithresh_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Arrays that do not fit the graph; a triangle or a pair of a node that is not there.
    pub fn find_clusters<T: Voxel>(
        &self,
        data: ArrayView1<'_, T>,
        out: Option<ArrayViewMut1<'_, T>>,
        mask: Option<ArrayView1<'_, bool>>,
        request: Request,
        areas: Option<Areas<'_>>,
    ) -> Result<NodeClusters> {
        self.check_map(&data, mask.as_ref())?;
        out.as_ref().map_or(Ok(()), |out| self.check(Array::Output, out.shape()))?;
        check_areas(self, areas.as_ref())?;
        let areas = areas.as_ref();
        let mut kept = vec![T::ZERO; self.nodes()];
        let values = &mut kept[..];
        let written = ArrayViewMut1::from(&mut *values);
        let written = written.insert_axis(Axis(0)).insert_axis(Axis(0));
        let found = runs::threshold::threshold(
            as_volume(data).into_dyn(),
            written.into_dyn().into(),
            mask.map(as_volume),
            request.min_extent(0),
        )?;
        let passing = Passing::of(values);
        let joined = passing.joined(self)?;
        let clusters = Clusters::of(passing, &joined);
        let mut are_maxima = vec![true; values.len()];
        for places in joined.iter().flatten() {
            let [a, b, c] = places.map(|place| clusters.nodes[place as usize]);
            for (one, other) in [(a, b), (b, c), (c, a)] {
                are_maxima[lower(values, one, other) as usize] &= one == other;
            }
        }
        let of_clusters = clusters.areas(areas);
        let stay = clusters.stay(request.min_extent, areas, &of_clusters);
        if stay.iter().any(|stays| !stays) {
            for (node, cluster) in clusters.members() {
                if !stay[cluster] {
                    values[node as usize] = T::ZERO;
                }
            }
        }
        let left = summary(as_volume(ArrayView1::from(&*values)).into_dyn(), None)?;
        let summary = Summary { has_non_finite: found.has_non_finite, ..left };
        if let Some(mut out) = out {
            out.assign(&ArrayView1::from(&*values));
        }
        let rows = Ranked::of(&clusters, &stay, values);
        Ok(rows.describe(&clusters, &of_clusters, values, &are_maxima, summary))
    }
}

/// The node of an edge that the other one exceeds, or equals with a smaller number.
#[inline(always)]
fn lower<T: Voxel>(values: &[T], a: u32, b: u32) -> u32 {
    let key = |node: u32| (values[node as usize].magnitude(), Reverse(node));
    if key(a) < key(b) { a } else { b }
}

/// The clusters that stay, in the order of their numbers.
struct Ranked {
    /// Of each cluster that stays: its place among all clusters, and its peak.
    clusters: Vec<(usize, u32)>,
    /// The number of each of all clusters; 0 for those that go.
    numbers: Vec<u32>,
}

impl Ranked {
    fn of<T: Voxel>(clusters: &Clusters, stay: &[bool], values: &[T]) -> Self {
        // Nodes come in their order, so that the first of equal ones is the peak.
        let mut peaks: Vec<Option<u32>> = vec![None; stay.len()];
        for (node, cluster) in clusters.members() {
            let magnitude = values[node as usize].magnitude();
            if peaks[cluster].is_none_or(|peak| magnitude > values[peak as usize].magnitude()) {
                peaks[cluster] = Some(node);
            }
        }
        let peaks = peaks.into_iter().zip(stay).enumerate();
        let mut ranked: Vec<_> = peaks
            .filter_map(|(cluster, (peak, stays))| Some((cluster, peak.filter(|_| *stays)?)))
            .collect();
        ranked.sort_unstable_by_key(|&(cluster, peak)| {
            let magnitude = values[peak as usize].magnitude();
            (Reverse(clusters.extents[cluster]), Reverse(magnitude), peak)
        });
        let mut numbers = vec![0; stay.len()];
        for (&(cluster, _), number) in ranked.iter().zip(1..) {
            numbers[cluster] = number;
        }
        Self { clusters: ranked, numbers }
    }

    /// Nodes of clusters that stay, with the place of the cluster in this order.
    fn members<'a>(&'a self, clusters: &'a Clusters) -> impl Iterator<Item = (u32, usize)> + 'a {
        let numbered =
            clusters.members().map(|(node, cluster)| (node, self.numbers[cluster] as usize));
        numbered.filter(|(_, number)| *number > 0).map(|(node, number)| (node, number - 1))
    }

    fn describe<T: Voxel>(
        &self,
        clusters: &Clusters,
        areas: &[Option<Area>],
        values: &[T],
        are_maxima: &[bool],
        summary: Summary,
    ) -> NodeClusters {
        let value = |node: u32| values[node as usize].to_f64();
        let unit = |&(_, peak): &(usize, u32)| Unit::new(value(peak), values.len(), 1);
        let units: Vec<_> = self.clusters.iter().map(unit).collect();
        let mut sums = vec![0_i128; units.len()];
        let mut labels = vec![0; values.len()];
        let mut maxima = Vec::new();
        for (node, cluster) in self.members(clusters) {
            sums[cluster] += units[cluster].of(value(node));
            labels[node as usize] = i32::try_from(cluster + 1).expect("fewer than nodes");
            if are_maxima[node as usize] {
                maxima.push((cluster, Reverse(values[node as usize].magnitude()), node));
            }
        }
        maxima.sort_unstable();
        let number = |&(cluster, ..): &(usize, _, u32)| {
            u32::try_from(cluster + 1).expect("fewer than nodes")
        };
        let ranked = || self.clusters.iter();
        let extents: Vec<_> = ranked().map(|&(cluster, _)| clusters.extents[cluster]).collect();
        let area = |&(cluster, _): &(usize, u32)| areas[cluster].map_or(f64::NAN, Area::to_f64);
        let sums = || units.iter().zip(&sums);
        NodeClusters {
            signs: ranked().map(|&(_, peak)| if value(peak) > 0.0 { 1 } else { -1 }).collect(),
            areas: ranked().map(area).collect(),
            peaks: ranked().map(|&(_, peak)| peak).collect(),
            values: ranked().map(|&(_, peak)| value(peak)).collect(),
            means: sums()
                .zip(&extents)
                .map(|((unit, &sum), &extent)| unit.to_f64(sum, extent as f64))
                .collect(),
            masses: sums().map(|(unit, &sum)| unit.to_f64(sum, 1.0)).collect(),
            extents,
            labels,
            maxima: NodeMaxima {
                clusters: maxima.iter().map(number).collect(),
                nodes: maxima.iter().map(|&(.., node)| node).collect(),
                values: maxima.iter().map(|&(.., node)| value(node)).collect(),
            },
            summary,
        }
    }
}
