//! The area of each vertex of a surface: a third of that of each of its triangles.
//!
//! The result is the same to the last bit whatever the order of the triangles, of their
//! corners and of the vertices. Sums are exact. The cross products at the three corners of a
//! triangle differ by their rounding, so the one at the corner of the smallest x counts, or the
//! smallest of the three if two corners have the same x.

use std::hint::select_unpredictable;

use ndarray::ArrayView2;

use crate::error::{Array, Error, Result};
use crate::graph::triangles::Graph;
use crate::map::planes::as_slice;
use crate::map::series::check_shape;
use crate::measure::exact_sum::Unit;
use crate::parallel;

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
/// Coordinates of another shape; one that is not finite, or so large that areas are not; a
/// triangle of a node that is not there.
pub fn vertex_areas(coordinates: ArrayView2<'_, f64>, graph: &Graph<'_>) -> Result<Vec<f64>> {
    check_shape(Array::Coordinates, coordinates.shape(), &[graph.nodes(), 3])?;
    graph.check_nodes()?;
    let mut copy = Vec::new();
    let points: &[Point] = as_slice(coordinates, &mut copy).as_chunks().0;
    // The bits of positive numbers have their order, with NaN last.
    let farther = |all: u64, along: &f64| all.max(along.abs().to_bits());
    let reach = f64::from_bits(points.as_flattened().iter().fold(0, farther));
    if reach.is_nan() || reach > LIMIT {
        let is_refused = |along: &f64| along.is_nan() || along.abs() > LIMIT;
        let node = points.iter().position(|point| point.iter().any(is_refused));
        let node = node.ok_or(Error::Changed)?;
        return Err(Error::Coordinates { node, found: points[node] });
    }
    // All points are in a cube of this half side, and no triangle in it is larger than this.
    let unit = Unit::new(16.0 * reach * reach, graph.triangle_count(), 3);
    let areas = parallel::map(graph.parts(), |part| {
        let mut areas = Vec::new();
        part.for_each_triangle(|corners| areas.push((corners, double_area(points, corners))));
        areas
    });
    let mut sums = vec![0_i128; points.len()];
    for (corners, area) in areas.into_iter().flatten() {
        let area = unit.of(area);
        for node in corners {
            sums[node as usize] += area;
        }
    }
    Ok(sums.into_iter().map(|sum| unit.to_f64(sum, 6.0)).collect())
}

/// No coordinate is larger: areas are finite numbers then.
const LIMIT: f64 = 1e100;

/// Twice the area of a triangle.
#[inline(always)]
fn double_area(points: &[Point], [a, b, c]: [u32; 3]) -> f64 {
    let x = |node: u32| points[node as usize][0];
    let (x_a, x_b, x_c) = (x(a), x(b), x(c));
    let (is_a, is_b, is_c) =
        (x_a < x_b && x_a < x_c, x_b < x_a && x_b < x_c, x_c < x_a && x_c < x_b);
    if !(is_a || is_b || is_c) {
        let squares = [[a, b, c], [b, c, a], [c, a, b]].map(|nodes| squared(points, nodes));
        return squares.into_iter().fold(f64::INFINITY, f64::min).sqrt();
    }
    let corners = select_unpredictable(is_b, [b, c, a], [a, b, c]);
    squared(points, select_unpredictable(is_c, [c, a, b], corners)).sqrt()
}

/// The square of twice the area of a triangle, from the cross product at its first corner.
/// Which of the two sides comes first does not matter: only the sign depends on it.
#[inline(always)]
fn squared(points: &[Point], corners: [u32; 3]) -> f64 {
    let [from, to, other] = corners.map(|node| points[node as usize]);
    let along = |to: Point| [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
    let (u, v) = (along(to), along(other));
    let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn corners_may_come_in_any_order() {
        for first in [-2.6, 0.1, 1.3, 2.7] {
            let points = [[0.1, 0.7, -3.3], [first, 2.9, 1.7], [1.3, -0.2, 0.6]];
            let area = double_area(&points, [0, 1, 2]);
            for corners in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                assert_eq!(double_area(&points, corners).to_bits(), area.to_bits());
            }
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
