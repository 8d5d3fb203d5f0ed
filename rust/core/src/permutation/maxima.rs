//! The largest statistics of a map: of its voxels, its clusters and its scores.
//!
//! ```text
//! for each map                                   (voxels in a mask, in a row)
//!     the largest value of each sign
//!     scatter to the box around the mask, run by run
//!     for each threshold
//!         find the clusters, and sum the voxels of each
//!     for each sign
//!         sweep down through the heights         (tree/largest_score.rs)
//! ```
//!
//! The memory of the sweep is kept for the next map.

use ndarray::{Array3, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut1, Axis};

use crate::connectivity::Connectivity;
use crate::error::{Array, Error, Result};
use crate::map::bounding_box::BoundingBox;
use crate::map::memory_order::MemoryOrder;
use crate::request::{Request, Sides};
use crate::runs::clusters::Clusters;
use crate::runs::passing_values::PassingValues;
use crate::simd::dispatch::{Loop, dispatch};
use crate::tree::largest_score::LargestScore;

/// Which statistics are taken of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// The thresholds that define clusters, 0 or more; voxels equal to one are in them.
    pub thresholds: Vec<f64>,
    /// What joins voxels into a cluster.
    pub connectivity: Connectivity,
    /// Whether negative voxels count, too.
    pub sides: Sides,
    /// Whether the largest score by threshold-free cluster enhancement is wanted, with the
    /// powers E = 1/2 and H = 2.
    pub scores: bool,
}

impl Statistics {
    /// How many numbers there are for each sign of a map: the largest value; for each
    /// threshold the largest extent, mass (sum of the values), and excess mass (sum of what
    /// exceeds the threshold); and the largest score, if it is wanted.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + 3 * self.thresholds.len() + usize::from(self.scores)
    }
}

/// Returns the largest statistics of each map for each sign that counts, of shape
/// (maps, signs, [`Statistics::count`]): first those of positive voxels, then those of
/// negative ones as absolute values. 0 where a sign has no voxel or no cluster.
///
/// `maps` (maps, voxels) holds the voxels of `mask` in C order. NaN and infinities count as
/// zero. Needs 4 bytes for each voxel of the box around the mask, and where scores are wanted
/// 8 more, and 44 for each voxel of the mask at most.
///
/// ```
/// use ndarray::array;
/// use nithresh_core::{Connectivity, Sides, Statistics, cluster_maxima};
///
/// let mask = array![[[true, true, false, true, true]]];
/// let statistics = Statistics {
///     thresholds: vec![2.0],
///     connectivity: Connectivity::Faces,
///     sides: Sides::Both,
///     scores: false,
/// };
/// let maps = array![[3.0_f32, 2.0, -4.0, 1.0]];
/// let maxima = cluster_maxima(maps.view(), mask.view(), &statistics)?;
/// // The largest value, extent, mass and excess mass.
/// assert_eq!(maxima, array![[[3.0, 2.0, 5.0, 1.0], [4.0, 1.0, 4.0, 2.0]]]);
/// # Ok::<(), nithresh_core::Error>(())
/// ```
///
/// # Errors
///
/// Another number of voxels than the mask has; a threshold that is NaN or negative; a mask
/// that is too large for 32-bit counts.
pub fn cluster_maxima(
    maps: ArrayView2<'_, f32>,
    mask: ArrayView3<'_, bool>,
    statistics: &Statistics,
) -> Result<Array3<f64>> {
    let layout = Layout::of(mask);
    if layout.voxels != maps.ncols() {
        let (found, expected) = (maps.shape().to_vec(), vec![maps.nrows(), layout.voxels]);
        return Err(Error::Shape { array: Array::Maps, found, expected });
    }
    let signs = statistics.sides.signs().len();
    let requests = statistics.thresholds.iter().map(|&threshold| {
        if threshold < 0.0 {
            return Err(Error::NegativeThreshold(threshold));
        }
        let request = Request::new(threshold, statistics.sides)?;
        Ok((request.connectivity(statistics.connectivity), threshold))
    });
    let requests = requests.collect::<Result<Vec<_>>>()?;
    let mut maxima = Array3::zeros((maps.nrows(), signs, statistics.count()));
    if layout.voxels == 0 {
        return Ok(maxima);
    }
    let mut volume = Array3::zeros(layout.shape);
    let Statistics { connectivity, sides, .. } = *statistics;
    let mut score = if statistics.scores {
        Some(LargestScore::new(layout.shape, layout.runs(), connectivity)?)
    } else {
        None
    };
    let maps = maps.as_standard_layout();
    for (map, mut maxima) in maps.rows().into_iter().zip(maxima.outer_iter_mut()) {
        let map = in_line(map);
        for (mut maxima, peak) in maxima.outer_iter_mut().zip(dispatch(Peaks(map))) {
            maxima[0] = f64::from(peak);
        }
        if let Some(score) = &mut score {
            for (mut maxima, largest) in maxima.outer_iter_mut().zip(score.of(map, sides)) {
                maxima[statistics.count() - 1] = largest;
            }
        }
        if !requests.is_empty() {
            layout.scatter(map, &mut volume);
        }
        for (number, &(request, threshold)) in requests.iter().enumerate() {
            let turned = MemoryOrder::of(&volume.view()).apply(volume.view());
            let (clusters, passing) = Clusters::find_with_values(turned, None, request)?;
            let of_signs = maxima.outer_iter_mut().zip(largest(&clusters, &passing, threshold));
            for (mut maxima, largest) in of_signs {
                let start = 1 + 3 * number;
                assign(maxima.slice_axis_mut(Axis(0), (start..start + 3).into()), largest);
            }
        }
    }
    Ok(maxima)
}

fn in_line(row: ArrayView1<'_, f32>) -> &[f32] {
    row.to_slice().expect("in C order")
}

fn assign(mut to: ArrayViewMut1<'_, f64>, values: [f64; 3]) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to = value);
}

/// Where the voxels of a mask lie in the box around it.
struct Layout {
    shape: [usize; 3],
    /// The first place of each run of voxels in the box, and how many there are.
    runs: Vec<(usize, usize)>,
    voxels: usize,
}

impl Layout {
    fn of(mask: ArrayView3<'_, bool>) -> Self {
        let as_numbers = mask.mapv(u8::from);
        let mask = BoundingBox::of(as_numbers.view()).apply(mask);
        let (planes, rows, row_length) = mask.dim();
        let mut runs = Vec::new();
        for (number, row) in mask.lanes(Axis(2)).into_iter().enumerate() {
            let (row, mut place) = (row.to_vec(), number * row_length);
            for alike in row.chunk_by(|one, next| one == next) {
                if alike[0] {
                    runs.push((place, alike.len()));
                }
                place += alike.len();
            }
        }
        let voxels = runs.iter().map(|(_, length)| length).sum();
        Self { shape: [planes, rows, row_length], runs, voxels }
    }

    /// The runs by plane, row and position in the row, with their lengths.
    fn runs(&self) -> impl Iterator<Item = ([usize; 3], usize)> {
        let [_, rows, row_length] = self.shape;
        self.runs.iter().map(move |&(start, length)| {
            let (row, position) = (start / row_length, start % row_length);
            ([row / rows, row % rows, position], length)
        })
    }

    /// Puts the voxels of a map into the box; what is between them is zero and stays so.
    fn scatter(&self, map: &[f32], volume: &mut Array3<f32>) {
        let places = volume.as_slice_mut().expect("in C order");
        let mut rest = map;
        for &(start, length) in &self.runs {
            let (own, after) = rest.split_at(length);
            places[start..start + length].copy_from_slice(own);
            rest = after;
        }
    }
}

/// The largest finite value of each sign, without the sign.
struct Peaks<'a>(&'a [f32]);

impl Loop for Peaks<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn call(self) -> [f32; 2] {
        const LANES: usize = 32;
        let (mut most, mut least) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let (chunks, rest) = self.0.as_chunks::<LANES>();
        let mut padded = [0.0; LANES];
        padded[..rest.len()].copy_from_slice(rest);
        for chunk in chunks.iter().chain([&padded]) {
            for lane in 0..LANES {
                let value = if chunk[lane].is_finite() { chunk[lane] } else { 0.0 };
                most[lane] = if value > most[lane] { value } else { most[lane] };
                least[lane] = if value < least[lane] { value } else { least[lane] };
            }
        }
        [most.into_iter().fold(0.0, f32::max), 0.0 - least.into_iter().fold(0.0, f32::min)]
    }
}

/// The largest extent, mass and excess mass of the clusters of each sign, positive first.
fn largest(clusters: &Clusters, passing: &PassingValues<f32>, threshold: f64) -> [[f64; 3]; 2] {
    let mut masses = vec![0.0; clusters.extents().len()];
    for (plane, &first) in passing.firsts.iter().enumerate() {
        let mut rest = &passing.values[first..];
        for member in clusters.of_plane(plane) {
            let (own, after) = rest.split_at(member.run.length());
            masses[member.cluster as usize] +=
                own.iter().map(|&value| f64::from(value)).sum::<f64>();
            rest = after;
        }
    }
    let mut largest = [[0.0_f64; 3]; 2];
    for (mass, &extent) in masses.iter().zip(clusters.extents()) {
        let own = [extent as f64, mass.abs(), mass.abs() - threshold * extent as f64];
        let of_sign = &mut largest[usize::from(*mass < 0.0)];
        for (largest, own) in of_sign.iter_mut().zip(own) {
            *largest = largest.max(own);
        }
    }
    largest
}
