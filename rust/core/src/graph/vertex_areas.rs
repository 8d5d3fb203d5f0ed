//! The area of each vertex of a surface: a third of that of each of its triangles.
//!
//! The result is the same to the last bit whatever the order of the triangles, of their
//! corners and of the vertices. The cross product of a triangle begins at the same corner
//! always, the first in the order of the coordinates, and sums are exact.

use ndarray::ArrayView2;

use crate::error::{Array, Error, Result};
use crate::graph::edges::Graph;
use crate::map::series::check_shape;
use crate::measure::exact_sum::Unit;

type Point = [f64; 3];

/// The area of each vertex of a surface: the sum of the thirds of its triangles, in the unit of
/// the coordinates, squared. 0 for vertices of no triangle.
///
/// `coordinates` has a row of three for each node of `graph`, of which pairs do not count.
///
/// ```
/// use ndarray::array;
/// use nithresh_core::{Graph, vertex_areas};
///
/// let square = array![[0.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [3.0, 2.0, 0.0]];
/// let graph = Graph::new(4, &[[0, 1, 2], [2, 1, 3]], &[])?;
/// assert_eq!(vertex_areas(square.view(), &graph)?, [1.0, 2.0, 2.0, 1.0]);
/// # Ok::<(), nithresh_core::Error>(())
/// ```
///
/// # Errors
///
/// Coordinates of another shape; one that is not finite, or so large that areas are not.
pub fn vertex_areas(coordinates: ArrayView2<'_, f64>, graph: &Graph<'_>) -> Result<Vec<f64>> {
    check_shape(Array::Coordinates, coordinates.shape(), &[graph.nodes(), 3])?;
    let rows = coordinates.rows().into_iter();
    let points: Vec<Point> = rows.map(|row| [row[0], row[1], row[2]]).collect();
    let is_refused = |point: &Point| !point.iter().all(|along| along.abs() < LIMIT);
    if let Some(node) = points.iter().position(is_refused) {
        return Err(Error::Coordinates { node, found: points[node] });
    }
    let area = |corners: [u32; 3]| double_area(corners.map(|node| points[node as usize]));
    let areas: Vec<_> = graph.triangles().map(area).collect();
    let largest = areas.iter().copied().fold(0.0, f64::max);
    let unit = Unit::new(largest, 3 * areas.len(), 1);
    let mut sums = vec![0_i128; points.len()];
    for (corners, area) in graph.triangles().zip(areas) {
        let area = unit.of(area);
        for node in corners {
            sums[node as usize] += area;
        }
    }
    Ok(sums.into_iter().map(|sum| unit.to_f64(sum, 6.0)).collect())
}

/// No coordinate is as large: areas are finite numbers then.
const LIMIT: f64 = 1e100;

/// Twice the area of a triangle.
fn double_area(mut corners: [Point; 3]) -> f64 {
    for (first, second) in [(0, 1), (1, 2), (0, 1)] {
        if corners[second] < corners[first] {
            corners.swap(first, second);
        }
    }
    let [first, second, third] = corners;
    let from_first = |corner: Point| [0, 1, 2].map(|axis| corner[axis] - first[axis]);
    let (u, v) = (from_first(second), from_first(third));
    let minor = |i: usize, j: usize| u[i] * v[j] - u[j] * v[i];
    let normal = [minor(1, 2), minor(2, 0), minor(0, 1)];
    normal.map(|along| along * along).iter().sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn corners_may_come_in_any_order() {
        let corners = [[0.1, 0.7, -3.3], [0.1, 2.9, 1.7], [1.3, -0.2, 0.6]];
        let area = double_area(corners);
        for [a, b, c] in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(double_area([corners[a], corners[b], corners[c]]).to_bits(), area.to_bits());
        }
    }

    #[test]
    fn refusals() {
        let graph = Graph::new(2, &[[0, 1, 1]], &[]).unwrap();
        for found in [f64::NAN, f64::INFINITY, -1e200] {
            let points = array![[0.0, 0.0, 0.0], [1.0, found, 0.0]];
            let error = vertex_areas(points.view(), &graph).unwrap_err();
            assert!(matches!(error, Error::Coordinates { node: 1, .. }));
        }
        assert!(vertex_areas(array![[0.0, 0.0, 0.0]].view(), &graph).is_err());
    }
}
