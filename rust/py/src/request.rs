//! A request that Python has checked.

use nithresh_core::{Connectivity, Sides};
use pyo3::prelude::*;

use crate::error::Result;

/// Which voxels pass and which clusters stay, with a threshold that is known.
#[pyclass(frozen, module = "nithresh._core")]
pub(crate) struct Request(pub(crate) nithresh_core::Request);

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (threshold, *, two_sided, cluster_threshold, connectivity))]
    fn new(
        threshold: f64,
        two_sided: bool,
        cluster_threshold: u64,
        connectivity: u8,
    ) -> Result<Self> {
        let request = nithresh_core::Request::new(threshold, sides(two_sided))?;
        let connectivity = Connectivity::from_neighbours(connectivity)?;
        Ok(Self(request.min_extent(cluster_threshold).connectivity(connectivity)))
    }
}

pub(crate) fn sides(two_sided: bool) -> Sides {
    if two_sided { Sides::Both } else { Sides::One }
}
