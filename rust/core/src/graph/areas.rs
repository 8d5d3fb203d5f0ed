//! The areas of nodes, added up so that no sum depends on its order.
//!
//! Areas are counted in billionths of their unit, as whole numbers: in 1e-9 mm² if they are
//! given in mm². So a sum of any nodes is the same in any order, and off by half a billionth
//! a node at most. As many bits as a sum needs at most are left free, whatever the nodes are:
//! on 327 684 nodes one may have up to 56 000 mm².

// Rejected: a unit of 1e-6, in which decimal fractions of single precision are exact, but
// thirds of a triangle are off by more than a reader of the table would like.

use ndarray::ArrayView1;

use crate::error::{Error, Result};

/// How many units an area of 1 has.
const UNITS: f64 = 1e9;

/// What a cluster may lack of the least area: areas and coordinates come in single precision,
/// and decimals or thirds do not add up to what was meant to the last digit.
const TOLERANCE: f64 = 1e-6;

/// The areas of the nodes of a graph, and the least area that a cluster must have to stay.
///
/// A node whose area is NaN has none, as a voxel. A cluster that holds such a node has no area
/// either, and stays whatever the least one is.
#[derive(Debug, Clone, Copy)]
pub struct Areas<'a> {
    areas: ArrayView1<'a, f64>,
    least: f64,
}

impl<'a> Areas<'a> {
    /// Areas in any unit, and the least one in the same; 0 keeps all clusters. A cluster that
    /// lacks less than a millionth of it stays.
    ///
    /// # Errors
    ///
    /// An area that is negative, infinite or too large to be added up, or a least area that is
    /// negative or NaN.
    pub fn new(areas: ArrayView1<'a, f64>, least: f64) -> Result<Self> {
        if least.is_nan() || least < 0.0 {
            return Err(Error::LeastArea(least));
        }
        // Room for one unit of rounding and for nodes that count as 1.
        let limit = (u64::MAX / 2) as f64 / UNITS / areas.len().max(1) as f64 - 1.0;
        let is_refused = |&area: &f64| area < 0.0 || area > limit;
        // A count of all, which looks at several at a time.
        if areas.iter().map(|area| u64::from(is_refused(area))).sum::<u64>() > 0 {
            let node = areas.iter().position(is_refused).ok_or(Error::Changed)?;
            return Err(Error::Area { node, found: areas[node], limit });
        }
        Ok(Self { areas, least })
    }

    /// How many nodes have an entry.
    pub(crate) fn shape(&self) -> &[usize] {
        self.areas.shape()
    }

    /// The area of a node; `None` if it has none.
    #[inline]
    pub(crate) fn of(&self, node: u32) -> Option<Area> {
        let area = self.areas[node as usize];
        (!area.is_nan()).then(|| Area::new(area))
    }

    /// Whether a cluster of this area stays.
    #[inline]
    pub(crate) fn keep(&self, area: Area) -> bool {
        area.to_f64() >= self.least * (1.0 - TOLERANCE)
    }
}

/// An area in whole units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Area(u64);

impl Area {
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "areas from 0 to a limit; others only where another thread writes to them"
    )]
    pub(crate) fn new(area: f64) -> Self {
        Self((area * UNITS + 0.5) as u64)
    }

    /// The sum. No overflow, unless another thread writes to the areas.
    #[inline]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    #[inline]
    pub(crate) fn to_f64(self) -> f64 {
        self.0 as f64 / UNITS
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn sum(areas: &[f64]) -> Area {
        areas.iter().fold(Area::default(), |all, &area| all.plus(Area::new(area)))
    }

    #[test]
    fn decimals_and_thirds_reach_what_they_add_up_to() {
        for (areas, least) in [
            (vec![0.1; 3], 0.3),
            (vec![0.7; 10], 7.0),
            (vec![f64::from(0.7_f32); 100], 70.0),
            (vec![1.0 / 3.0; 3], 1.0),
            (vec![1.0 / 6.0; 6000], 1000.0),
        ] {
            let view = ArrayView1::from(&areas);
            assert!(Areas::new(view, least).unwrap().keep(sum(&areas)));
            assert!(!Areas::new(view, least * 1.00001).unwrap().keep(sum(&areas)));
        }
    }

    #[test]
    fn refusals() {
        for found in [-1.0, f64::INFINITY, -f64::INFINITY, 1e10] {
            let areas = array![0.0, f64::NAN, found];
            let error = Areas::new(areas.view(), 0.0).unwrap_err();
            assert!(matches!(error, Error::Area { node: 2, .. }), "{error}");
        }
        let areas = array![1.0];
        assert_eq!(Areas::new(areas.view(), -1.0).unwrap_err(), Error::LeastArea(-1.0));
        assert!(Areas::new(areas.view(), f64::NAN).is_err());
        assert!(Areas::new(array![].view(), 1.0).is_ok());
    }

    #[test]
    fn the_largest_areas_add_up() {
        let limit = (u64::MAX / 2) as f64 / UNITS / 1000.0 - 1.0;
        let areas = vec![limit; 1000];
        assert!(Areas::new(ArrayView1::from(&areas), 0.0).is_ok());
        assert!((sum(&areas).to_f64() / (limit * 1000.0) - 1.0).abs() < 1e-12);
    }
}
