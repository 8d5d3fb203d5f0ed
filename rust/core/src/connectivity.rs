//! Which voxels are neighbours.

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

    /// Whether two runs touch when one begins right behind the end of the other
    /// and their rows differ by one along one axis.
    pub(crate) fn face_rows_reach(self) -> bool {
        self != Self::Faces
    }

    /// The same for rows that differ by one along both other axes; `None` when
    /// such rows are no neighbours.
    pub(crate) fn edge_rows_reach(self) -> Option<bool> {
        match self {
            Self::Faces => None,
            Self::Edges => Some(false),
            Self::Corners => Some(true),
        }
    }
}
