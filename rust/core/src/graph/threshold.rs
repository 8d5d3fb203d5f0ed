//! A map on a graph at a threshold, without the clusters that are too small.
//!
//! What passes is written as for a volume of one row, and the clusters are those of what is
//! not zero in the result.

use ndarray::{ArrayView1, ArrayViewMut1, Axis};

use crate::error::{Array, Result};
use crate::graph::areas::Areas;
use crate::graph::edges::{Graph, as_volume, sides};
use crate::graph::sets::{Clusters, check_areas};
use crate::map::planes::as_slice;
use crate::map::summary::{Summary, summary};
use crate::request::Request;
use crate::runs;
use crate::voxel::Voxel;

impl Graph<'_> {
    /// Writes to `out` the values of the nodes that lie in `mask`, pass the threshold of
    /// `request` and belong to a cluster that it keeps and that is large enough; all others
    /// become zero. Returns the range of `out`, and whether `data` has values that are not
    /// finite.
    ///
    /// All arrays have an entry for each node. The connectivity of the request does not
    /// matter. Otherwise as [`threshold`](crate::threshold).
    ///
    /// ```
    /// use ndarray::{Array1, array};
    /// use nithresh_core::{Areas, Graph, Request, Sides};
    ///
    /// // A strip of four triangles.
    /// let graph = Graph::new(6, &[[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 5]], &[])?;
    /// let map = array![3.0_f32, -3.0, -4.0, 0.5, 3.5, 5.0];
    /// let areas = array![0.2, 0.4, 0.6, 0.6, 0.4, 0.2];
    /// let mut kept = Array1::zeros(6);
    /// let request = Request::new(3.0, Sides::Both)?.min_extent(2);
    /// let areas = Areas::new(areas.view(), 1.0)?;
    /// graph.threshold(map.view(), kept.view_mut(), None, request, Some(areas))?;
    /// assert_eq!(kept, array![0.0, -3.0, -4.0, 0.0, 0.0, 0.0]);
    /// # Ok::<(), nithresh_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Arrays that do not fit the graph.
    pub fn threshold<T: Voxel>(
        &self,
        data: ArrayView1<'_, T>,
        mut out: ArrayViewMut1<'_, T>,
        mask: Option<ArrayView1<'_, bool>>,
        request: Request,
        areas: Option<Areas<'_>>,
    ) -> Result<Summary> {
        self.check_map(&data, mask.as_ref())?;
        self.check(Array::Output, out.shape())?;
        check_areas(self, areas.as_ref())?;
        let written = out.view_mut().insert_axis(Axis(0)).insert_axis(Axis(0));
        let summary = runs::threshold::threshold(
            as_volume(data).into_dyn(),
            written.into_dyn().into(),
            mask.map(as_volume),
            request.min_extent(0),
        )?;
        self.erase_small(out, request, areas, summary)
    }

    /// Does what [`Graph::threshold`] does, over the data itself.
    ///
    /// # Errors
    ///
    /// Those of [`Graph::threshold`].
    pub fn threshold_in_place<T: Voxel>(
        &self,
        mut data: ArrayViewMut1<'_, T>,
        mask: Option<ArrayView1<'_, bool>>,
        request: Request,
        areas: Option<Areas<'_>>,
    ) -> Result<Summary> {
        self.check_map(&data.view(), mask.as_ref())?;
        check_areas(self, areas.as_ref())?;
        let written = data.view_mut().insert_axis(Axis(0)).insert_axis(Axis(0));
        let summary = runs::threshold::threshold_in_place(
            written.into_dyn(),
            mask.map(as_volume),
            request.min_extent(0),
        )?;
        self.erase_small(data, request, areas, summary)
    }

    /// Erases the clusters that are too small; `out` is zero where nothing passes, and
    /// `summary` what was found when it was written.
    fn erase_small<T: Voxel>(
        &self,
        mut out: ArrayViewMut1<'_, T>,
        request: Request,
        areas: Option<Areas<'_>>,
        found: Summary,
    ) -> Result<Summary> {
        let areas = areas.filter(Areas::has_least);
        if request.min_extent <= 1 && areas.is_none() {
            return Ok(found);
        }
        let sides = {
            let mut copy = Vec::new();
            sides(as_slice(out.view().insert_axis(Axis(0)), &mut copy))
        };
        let clusters = Clusters::of::<false>(self, &sides, |_, _| ());
        let areas = areas.as_ref();
        let stay = clusters.stay(request, areas, &clusters.areas(areas));
        if stay.iter().all(|stays| *stays) {
            return Ok(found);
        }
        for (node, cluster) in clusters.members() {
            if !stay[cluster] {
                out[node as usize] = T::ZERO;
            }
        }
        let left = summary(as_volume(out.view()).into_dyn(), None)?;
        Ok(Summary { has_non_finite: found.has_non_finite, ..left })
    }
}
