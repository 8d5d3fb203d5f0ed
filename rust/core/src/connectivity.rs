//! Which voxels are neighbours.
//!
//! ```text
//!   plane before    same plane    plane after
//!      c e c          e f e          c e c        f  shares a face: 6 of them
//!      e f e          f . f          e f e        e  shares an edge: 12 more
//!      c e c          e f e          c e c        c  shares a corner: 8 more
//! ```
//!
//! A neighbour differs by one step along one axis at least, and along as many axes as the
//! connectivity allows. All that asks for neighbours, of voxels or of rows, asks
//! [`Connectivity::joins`].

use crate::error::{Error, Result};

/// The neighbourhood that joins voxels into clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Six neighbours: voxels that share a face (AFNI's NN1).
    Faces,
    /// Eighteen neighbours: a face or an edge (NN2, SPM's choice).
    Edges,
    /// Twenty-six neighbours: a face, an edge or a corner (NN3, FSL's choice).
    Corners,
}

impl Connectivity {
    /// From the number of neighbours: 6, 18 or 26.
    ///
    /// # Errors
    ///
    /// Any other number.
    pub fn from_neighbours(neighbours: u8) -> Result<Self> {
        match neighbours {
            6 => Ok(Self::Faces),
            18 => Ok(Self::Edges),
            26 => Ok(Self::Corners),
            other => Err(Error::Connectivity(other)),
        }
    }

    /// Along how many axes neighbours may differ.
    fn axes_apart(self) -> usize {
        match self {
            Self::Faces => 1,
            Self::Edges => 2,
            Self::Corners => 3,
        }
    }

    /// Whether a step leads to a neighbour.
    pub(crate) fn joins(self, step: [isize; 3]) -> bool {
        let apart = axes(step);
        step.iter().all(|along| along.abs() <= 1) && (1..=self.axes_apart()).contains(&apart)
    }

    /// The steps to all neighbours, those that share a face first.
    pub(crate) fn steps(self) -> Vec<[isize; 3]> {
        let along = [-1_isize, 0, 1];
        let all = along
            .iter()
            .flat_map(|&i| along.iter().flat_map(move |&j| along.map(move |k| [i, j, k])));
        let mut steps: Vec<_> = all.filter(|&step| self.joins(step)).collect();
        steps.sort_by_key(|&step| axes(step));
        steps
    }
}

/// Along how many axes a step goes.
fn axes(step: [isize; 3]) -> usize {
    step.into_iter().filter(|&along| along != 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_neighbours_as_the_number_says() {
        for neighbours in [6, 18, 26] {
            let connectivity = Connectivity::from_neighbours(neighbours).unwrap();
            let steps = connectivity.steps();
            assert_eq!(steps.len(), usize::from(neighbours));
            assert!(steps.iter().all(|&[i, j, k]| connectivity.joins([-i, -j, -k])));
            assert!(!connectivity.joins([0; 3]) && !connectivity.joins([0, 2, 0]));
        }
    }
}
