//! Erasing the clusters of a map on a graph that are too small.

use ndarray::{ArrayViewMut1, Axis};

use crate::error::{Array, Result};
use crate::graph::areas::Areas;
use crate::graph::edges::Passing;
use crate::graph::sets::{Clusters, check_areas};
use crate::graph::triangles::{Graph, as_volume};
use crate::map::planes::as_slice;
use crate::map::summary::{Summary, summary};
use crate::voxel::Voxel;

impl Graph<'_> {
    /// Erases small clusters: those of fewer than `min_extent` nodes, or of less area than
    /// `areas` asks for. Returns the summary of the map that is left.
    ///
    /// All nodes above zero and all below pass. The map must be finite, as
    /// [`threshold`](crate::threshold) makes it of a volume of one row. All arrays have an entry
    /// for each node.
    ///
    /// ```
    /// use ndarray::array;
    /// use nithresh_core::{Areas, Graph};
    ///
    /// // A strip of four triangles.
    /// let graph = Graph::new(6, &[[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 5]], &[])?;
    /// let mut map = array![3.0_f32, -3.0, -4.0, 0.0, 3.5, 5.0];
    /// let areas = array![0.2, 0.4, 0.6, 0.6, 0.4, 0.2];
    /// graph.erase_small(map.view_mut(), 2, Some(Areas::new(areas.view(), 1.0)?))?;
    /// assert_eq!(map, array![0.0, -3.0, -4.0, 0.0, 0.0, 0.0]);
    /// # Ok::<(), nithresh_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Arrays that do not fit the graph; a triangle or a pair of a node that is not there.
    pub fn erase_small<T: Voxel>(
        &self,
        mut map: ArrayViewMut1<'_, T>,
        min_extent: u64,
        areas: Option<Areas<'_>>,
    ) -> Result<Summary> {
        self.check(Array::Map, map.shape())?;
        check_areas(self, areas.as_ref())?;
        let passing = {
            let mut copy = Vec::new();
            Passing::of(as_slice(map.view().insert_axis(Axis(0)), &mut copy))
        };
        let joined = passing.joined(self)?;
        let clusters = Clusters::of(passing, &joined);
        let stay = clusters.stay(min_extent, areas.as_ref(), &clusters.areas(areas.as_ref()));
        for (node, cluster) in clusters.members() {
            if !stay[cluster] {
                map[node as usize] = T::ZERO;
            }
        }
        summary(as_volume(map.view()).into_dyn(), None)
    }
}
