//! A volume in a line, with zeros around it, and the neighbours of its voxels.
//!
//! ```text
//! voxels of a plane       the same in a line
//!
//!       a b c
//!       d e f             a b c 0 d e f 0 g h i 0 0 0 0 0 ...
//!       g h i                     ─┬─ └─ + row_step ─┘
//!                                  a step from f, one voxel on, ends at a zero
//! ```
//!
//! A step to a neighbour that is not there ends at a zero, so no step has to be checked.

use std::ops::Range;

use ndarray::{ArrayView3, ArrayViewMut3, Axis};

use crate::connectivity::Connectivity;
use crate::error::{Error, Result};
use crate::request::Sign;
use crate::simd::dispatch::{Loop, dispatch};
use crate::tree::component_tree::ComponentTree;
use crate::tree::neighbours::Neighbours;
use crate::voxel::Voxel;
use crate::voxel::sort_key::SortKey;

/// Places are counted in 32 bits, and this leaves room beyond the last.
const MOST_PLACES: usize = 1 << 31;

/// How a volume lies in a line, with a zero after each row and a row of them after each
/// plane.
pub(crate) struct PaddedVolume {
    planes: usize,
    rows: usize,
    row_length: usize,
}

impl PaddedVolume {
    /// Lays out the voxels of one sign of a volume and makes their component tree. Linear
    /// time but for the nearly constant factor of union-find; up to 24 bytes for each voxel of the
    /// sign (32 for types of 64 bits) and 8 for each voxel of the volume (12).
    ///
    /// # Errors
    ///
    /// A volume of 2³¹ voxels or more, with the zeros that are put between its rows.
    pub(crate) fn with_tree<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sign: Sign,
        connectivity: Connectivity,
    ) -> Result<(Self, ComponentTree<T::SortKey>)> {
        let padded = Self::new(volume.dim())?;
        let keys = padded.keys(volume, mask, sign);
        let tree = ComponentTree::of(keys, &VoxelNeighbours::new(&padded, connectivity));
        Ok((padded, tree))
    }

    pub(crate) fn new((planes, rows, row_length): (usize, usize, usize)) -> Result<Self> {
        let volume = Self { planes, rows, row_length };
        let padded = [planes + 3, rows + 1, row_length + 1];
        let length = padded.into_iter().try_fold(1_usize, usize::checked_mul);
        length.filter(|&length| length < MOST_PLACES).ok_or(Error::TooLarge)?;
        Ok(volume)
    }

    /// How far it is from a row to the next.
    fn row_step(&self) -> usize {
        self.row_length + 1
    }

    /// How far it is from a plane to the next.
    fn plane_step(&self) -> usize {
        (self.rows + 1) * self.row_step()
    }

    /// How far it is to the farthest neighbour.
    fn reach(&self) -> usize {
        self.plane_step() + self.row_step() + 1
    }

    /// The places from the first voxel to the last.
    fn inside(&self) -> Range<usize> {
        self.reach()..self.reach() + self.planes * self.plane_step()
    }

    /// How many places there are, with those that neighbours are looked for in.
    pub(crate) fn places(&self) -> usize {
        self.inside().end + self.reach() + SIDE_BY_SIDE
    }

    /// How far it is to a neighbour.
    pub(crate) fn distance(&self, [i, j, k]: [isize; 3]) -> isize {
        i * self.plane_step().cast_signed() + j * self.row_step().cast_signed() + k
    }

    /// The places of a row.
    pub(crate) fn row(&self, plane: usize, row: usize) -> Range<usize> {
        let start = self.reach() + plane * self.plane_step() + row * self.row_step();
        start..start + self.row_length
    }

    /// The plane, the row and the position in the row of a place.
    pub(crate) fn index(&self, place: u32) -> [usize; 3] {
        let place = place as usize - self.reach();
        let in_plane = place % self.plane_step();
        let (row, position) = (in_plane / self.row_step(), in_plane % self.row_step());
        [place / self.plane_step(), row, position]
    }

    /// Writes something to each voxel that is a node, by its rank. `ranks` are those of a
    /// component tree.
    pub(crate) fn write<S>(
        &self,
        ranks: &[u32],
        mut out: ArrayViewMut3<'_, S>,
        value: impl Fn(usize) -> S,
    ) {
        for (plane_index, mut plane) in out.outer_iter_mut().enumerate() {
            for (row_index, mut row) in plane.outer_iter_mut().enumerate() {
                for (voxel, &rank) in row.iter_mut().zip(&ranks[self.row(plane_index, row_index)]) {
                    if rank != 0 {
                        *voxel = value(rank as usize - 1);
                    }
                }
            }
        }
    }

    /// The sort keys of the voxels that have a sign and lie in the mask, at their places.
    fn keys<T: Voxel>(
        &self,
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sign: Sign,
    ) -> Vec<T::SortKey> {
        let mut keys = vec![T::SortKey::default(); self.places()];
        for (plane_index, plane) in volume.outer_iter().enumerate() {
            for (row_index, row) in plane.outer_iter().enumerate() {
                let keys = &mut keys[self.row(plane_index, row_index)];
                if let Some(row) = row.to_slice() {
                    dispatch(RowKeys { row, keys, sign });
                } else {
                    for (key, &value) in keys.iter_mut().zip(row) {
                        *key = key_of(value, sign);
                    }
                }
                if let Some(mask) = &mask {
                    let mask = mask.index_axis(Axis(0), plane_index);
                    let mask = mask.index_axis_move(Axis(0), row_index);
                    for (key, &inside) in keys.iter_mut().zip(mask) {
                        *key = if inside { *key } else { T::SortKey::default() };
                    }
                }
            }
        }
        keys
    }
}

/// The sort key of a value of this sign; 0 for zero, NaN, infinities and the other sign.
#[inline(always)]
pub(crate) fn key_of<T: Voxel>(value: T, sign: Sign) -> T::SortKey {
    let belongs = match sign {
        Sign::Positive => value > T::ZERO,
        Sign::Negative => value < T::ZERO,
    };
    if belongs & value.is_finite() { value.sort_key() } else { T::SortKey::default() }
}

/// Writes the keys of a row.
struct RowKeys<'a, T: Voxel> {
    row: &'a [T],
    keys: &'a mut [T::SortKey],
    sign: Sign,
}

impl<T: Voxel> Loop for RowKeys<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (key, &value) in self.keys.iter_mut().zip(self.row) {
            *key = key_of(value, self.sign);
        }
    }
}

/// The neighbours of the voxels of a padded volume. Each way to a neighbour has a bit that
/// stands for it, those to faces first.
struct VoxelNeighbours {
    /// The places of the voxels, with zeros between them.
    inside: Range<usize>,
    /// Steps back, and their bits.
    before: Vec<(usize, u32)>,
    /// Steps ahead, and their bits.
    after: Vec<(usize, u32)>,
    /// The step to each neighbour, by its bit.
    steps: Vec<isize>,
    /// For each neighbour the bits of itself and of the others that touch it.
    touching: Vec<u32>,
}

impl VoxelNeighbours {
    fn new(volume: &PaddedVolume, connectivity: Connectivity) -> Self {
        let around = connectivity.steps();
        let touch = |[i, j, k]: [isize; 3], to: [isize; 3]| {
            [i, j, k] == to || connectivity.joins([to[0] - i, to[1] - j, to[2] - k])
        };
        let bits = |from: [isize; 3]| {
            let touching = around.iter().enumerate().filter(|(_, to)| touch(from, **to));
            touching.fold(0, |bits, (bit, _)| bits | 1 << bit)
        };
        let steps: Vec<_> = around.iter().map(|&step| volume.distance(step)).collect();
        let with_bits = steps.iter().zip(0..);
        let (before, after): (Vec<_>, Vec<_>) = with_bits.partition(|(step, _)| **step < 0);
        let distances = |steps: Vec<(&isize, u32)>| {
            steps.into_iter().map(|(step, bit)| (step.unsigned_abs(), bit)).collect()
        };
        Self {
            inside: volume.inside(),
            before: distances(before),
            after: distances(after),
            touching: around.iter().map(|&from| bits(from)).collect(),
            steps,
        }
    }
}

/// The walk over the neighbours of a voxel.
#[derive(Clone, Copy, Default)]
struct Walk {
    place: u32,
    /// The bits of the neighbours that are still to come.
    higher: u32,
}

impl Neighbours for VoxelNeighbours {
    type Walk = Walk;

    /// Notes the bits of the neighbours that rank before a voxel.
    fn list<K: SortKey>(&self, keys: &[K], notes: &mut [u32]) -> Vec<(K, u32)> {
        dispatch(FindHigher { keys, higher: notes, neighbours: self })
    }

    #[inline]
    fn walk(&self, place: u32, _rank: u32, higher: u32) -> Walk {
        Walk { place, higher }
    }

    #[inline]
    fn next(&self, walk: &mut Walk, ranks: &[u32]) -> u32 {
        if walk.higher == 0 {
            return 0;
        }
        let bit = walk.higher.trailing_zeros() as usize;
        walk.higher &= !self.touching[bit];
        ranks[(walk.place as usize).wrapping_add_signed(self.steps[bit])]
    }
}

/// How many places are looked at side by side.
const SIDE_BY_SIDE: usize = 16;

/// Lists the voxels, and writes to the place of each the bits of the neighbours that
/// rank before it.
struct FindHigher<'a, K> {
    keys: &'a [K],
    higher: &'a mut [u32],
    neighbours: &'a VoxelNeighbours,
}

impl<K: SortKey> Loop for FindHigher<'_, K> {
    type Output = Vec<(K, u32)>;

    #[inline(always)]
    fn call(self) -> Vec<(K, u32)> {
        let Self { keys, higher, neighbours } = self;
        let absent = K::default();
        let (mut voxels, mut count) = (Vec::new(), 0);
        for start in neighbours.inside.clone().step_by(SIDE_BY_SIDE) {
            let own = side_by_side(keys, start);
            if own.iter().all(|&key| key == absent) {
                continue;
            }
            let mut bits = [0; SIDE_BY_SIDE];
            // The first of two equal voxels counts as the higher.
            for &(distance, bit) in &neighbours.before {
                let others = side_by_side(keys, start - distance);
                for at in 0..SIDE_BY_SIDE {
                    bits[at] |= u32::from(others[at] >= own[at]) << bit;
                }
            }
            for &(distance, bit) in &neighbours.after {
                let others = side_by_side(keys, start + distance);
                for at in 0..SIDE_BY_SIDE {
                    bits[at] |= u32::from(others[at] > own[at]) << bit;
                }
            }
            for at in 0..SIDE_BY_SIDE {
                bits[at] = if own[at] == absent { 0 } else { bits[at] };
            }
            higher[start..start + SIDE_BY_SIDE].copy_from_slice(&bits);
            // Without a branch: each place is listed, and stays if it is a voxel.
            voxels.resize(count + SIDE_BY_SIDE, (absent, 0));
            for (&key, place) in own.iter().zip(start..) {
                #[expect(clippy::cast_possible_truncation, reason = "there are few enough places")]
                let voxel = (key, place as u32);
                voxels[count] = voxel;
                count += usize::from(key != absent);
            }
        }
        voxels.truncate(count);
        voxels
    }
}

#[inline(always)]
fn side_by_side<K>(keys: &[K], start: usize) -> &[K; SIDE_BY_SIDE] {
    keys[start..].first_chunk().expect("the padding ends later")
}
