//! From voxels to the component tree: one sort, one pass of union-find.
//!
//! ```text
//! lay out the heights of one sign, with zeros between the rows
//! for each voxel note which of its neighbours are higher
//! sort the voxels, highest first
//! for each voxel in this order
//!     join the clusters of its higher neighbours; it is their parent in the tree
//! ```
//!
//! When a threshold falls, voxels are kept one after the other, and each of them
//! begins a cluster, makes one grow or joins several. Every voxel is thus a node of
//! a tree: the cluster as it is when the voxel has joined it. Of voxels of the same
//! height the one that comes first counts as the higher, which leaves nodes that are
//! no clusters at any threshold: those whose parent has their own height. What is
//! made of the tree must leave them out, or give them no weight.

use ndarray::{ArrayView3, Axis};

use crate::connectivity::Connectivity;
use crate::error::{Error, Result};
use crate::request::Sign;
use crate::simd::dispatch::{Loop, dispatch};
use crate::voxel::Voxel;
use crate::voxel::sort_key::{DIGIT_BITS, SortKey};

/// The place of the parent of a voxel that has none.
pub(crate) const NONE: u32 = u32::MAX;

/// The component tree of the voxels of one sign. Voxels are known by their rank:
/// highest first, of the same height in the order of the volume.
pub(crate) struct Tree<K> {
    /// Where the voxels of the volume are.
    pub(crate) grid: Grid,
    /// One more than the rank of each voxel, at its place in the grid; 0 elsewhere.
    pub(crate) ranks: Vec<u32>,
    /// Key and place of each voxel, by rank.
    pub(crate) voxels: Vec<(K, u32)>,
    /// The voxel with which the cluster of a voxel goes on, by rank: always of a
    /// larger rank; [`NONE`] when it stays as it is down to zero.
    pub(crate) parents: Vec<u32>,
    /// How many voxels the cluster of a voxel has when the voxel joins it, by rank.
    pub(crate) extents: Vec<u32>,
}

impl<K: SortKey> Tree<K> {
    /// The tree of a volume. Linear time but for the nearly constant factor of
    /// union-find; up to 24 bytes for each voxel of the sign (32 for types of 64 bits)
    /// and 8 for each voxel of the volume (12).
    ///
    /// # Errors
    ///
    /// A volume of 2³¹ voxels or more, with the zeros that are put between its rows.
    pub(crate) fn of<T: Voxel<SortKey = K>>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sign: Sign,
        connectivity: Connectivity,
    ) -> Result<Self> {
        let grid = Grid::of(volume.dim())?;
        let neighbours = Neighbours::new(&grid, connectivity);
        let keys = grid.lay_out(volume, mask, sign);
        let mut ranks = vec![0; keys.len()];
        let voxels = dispatch(FindHigher {
            keys: &keys,
            higher: &mut ranks,
            inside: grid.inside(),
            neighbours: &neighbours,
        });
        drop(keys);
        let voxels = sorted(voxels);
        let (parents, extents) = sweep(&voxels, &mut ranks, &neighbours);
        Ok(Self { grid, ranks, voxels, parents, extents })
    }
}

/// Places are counted in 32 bits, and this leaves room beyond the last.
const MOST_PLACES: usize = 1 << 31;

/// A volume in a line, with a zero after each row and a row of them after each plane:
/// a step to a neighbour that is not there ends at a zero.
pub(crate) struct Grid {
    planes: usize,
    rows: usize,
    row_length: usize,
}

impl Grid {
    pub(crate) fn of((planes, rows, row_length): (usize, usize, usize)) -> Result<Self> {
        let grid = Self { planes, rows, row_length };
        let padded = [planes + 3, rows + 1, row_length + 1];
        let length = padded.into_iter().try_fold(1_usize, usize::checked_mul);
        length.filter(|&length| length < MOST_PLACES).ok_or(Error::TooLarge)?;
        Ok(grid)
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
    fn inside(&self) -> std::ops::Range<usize> {
        self.reach()..self.reach() + self.planes * self.plane_step()
    }

    /// The places of a row.
    pub(crate) fn row(&self, plane: usize, row: usize) -> std::ops::Range<usize> {
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

    /// The keys of the voxels that have a sign and lie in the mask.
    fn lay_out<T: Voxel>(
        &self,
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sign: Sign,
    ) -> Vec<T::SortKey> {
        let mut keys = vec![T::SortKey::default(); self.inside().end + self.reach() + LANES];
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

/// The key of a value of this sign; 0 for zero, NaN, infinities and the other sign.
#[inline(always)]
fn key_of<T: Voxel>(value: T, sign: Sign) -> T::SortKey {
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

/// The neighbours of a voxel, faces first, each with a bit that stands for it.
struct Neighbours {
    /// Steps back in the grid, and their bits.
    before: Vec<(usize, u32)>,
    /// Steps ahead, and their bits.
    after: Vec<(usize, u32)>,
    /// The step to each neighbour, by its bit.
    steps: Vec<isize>,
    /// For each neighbour itself and those of the others that touch it.
    touching: Vec<u32>,
}

impl Neighbours {
    fn new(grid: &Grid, connectivity: Connectivity) -> Self {
        let axes_apart = match connectivity {
            Connectivity::Faces => 1,
            Connectivity::Edges => 2,
            Connectivity::Corners => 3,
        };
        let along = [-1_isize, 0, 1];
        let mut around: Vec<[isize; 3]> = along
            .iter()
            .flat_map(|&i| along.iter().flat_map(move |&j| along.map(move |k| [i, j, k])))
            .filter(|step| (1..=axes_apart).contains(&apart(*step, [0; 3])))
            .collect();
        around.sort_by_key(|step| apart(*step, [0; 3]));
        let touch = |a: [isize; 3], b: [isize; 3]| {
            (0..3).all(|axis| (a[axis] - b[axis]).abs() <= 1) && apart(a, b) <= axes_apart
        };
        let bits = |from: [isize; 3]| {
            let touching = around.iter().enumerate().filter(|(_, to)| touch(from, **to));
            touching.fold(0, |bits, (bit, _)| bits | 1 << bit)
        };
        let (row, plane) = (grid.row_step().cast_signed(), grid.plane_step().cast_signed());
        let steps: Vec<_> = around.iter().map(|[i, j, k]| i * plane + j * row + k).collect();
        let with_bits = steps.iter().zip(0..);
        let (before, after): (Vec<_>, Vec<_>) = with_bits.partition(|(step, _)| **step < 0);
        let distances = |steps: Vec<(&isize, u32)>| {
            steps.into_iter().map(|(step, bit)| (step.unsigned_abs(), bit)).collect()
        };
        Self {
            before: distances(before),
            after: distances(after),
            touching: around.iter().map(|&from| bits(from)).collect(),
            steps,
        }
    }
}

/// Along how many axes two steps differ.
fn apart(a: [isize; 3], b: [isize; 3]) -> usize {
    (0..3).filter(|&axis| a[axis] != b[axis]).count()
}

/// Places that are looked at side by side.
const LANES: usize = 16;

/// Lists the voxels, and writes to the place of each the bits of the neighbours that
/// rank before it.
struct FindHigher<'a, K> {
    keys: &'a [K],
    higher: &'a mut [u32],
    inside: std::ops::Range<usize>,
    neighbours: &'a Neighbours,
}

impl<K: SortKey> Loop for FindHigher<'_, K> {
    type Output = Vec<(K, u32)>;

    #[inline(always)]
    fn call(self) -> Vec<(K, u32)> {
        let Self { keys, higher, inside, neighbours } = self;
        let absent = K::default();
        let (mut voxels, mut count) = (Vec::new(), 0);
        for start in inside.step_by(LANES) {
            let own = lanes(keys, start);
            if own.iter().all(|&key| key == absent) {
                continue;
            }
            let mut bits = [0; LANES];
            // Of equal voxels the first counts as the higher.
            for &(distance, bit) in &neighbours.before {
                let others = lanes(keys, start - distance);
                for lane in 0..LANES {
                    bits[lane] |= u32::from(others[lane] >= own[lane]) << bit;
                }
            }
            for &(distance, bit) in &neighbours.after {
                let others = lanes(keys, start + distance);
                for lane in 0..LANES {
                    bits[lane] |= u32::from(others[lane] > own[lane]) << bit;
                }
            }
            for lane in 0..LANES {
                bits[lane] = if own[lane] == absent { 0 } else { bits[lane] };
            }
            higher[start..start + LANES].copy_from_slice(&bits);
            // Without a branch: each place is listed, and stays if it is a voxel.
            voxels.resize(count + LANES, (absent, 0));
            for (&key, place) in own.iter().zip(start..) {
                #[expect(clippy::cast_possible_truncation, reason = "a grid is small enough")]
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
fn lanes<K>(keys: &[K], start: usize) -> &[K; LANES] {
    keys[start..].first_chunk().expect("the grid ends later")
}

/// The voxels by their keys, largest first, equal ones in the order they came in: a
/// radix sort, from the least digit to the greatest.
fn sorted<K: SortKey>(mut voxels: Vec<(K, u32)>) -> Vec<(K, u32)> {
    let mut counts = vec![[0_u32; 1 << DIGIT_BITS]; K::DIGITS];
    for (key, _) in &voxels {
        for (number, counts) in counts.iter_mut().enumerate() {
            counts[key.digit(number)] += 1;
        }
    }
    let mut other = vec![(K::default(), 0); voxels.len()];
    for (number, counts) in counts.iter_mut().enumerate() {
        let Some((first, _)) = voxels.first() else { break };
        if counts[first.digit(number)] as usize == voxels.len() {
            continue; // a digit that all have
        }
        let mut start = 0;
        for count in counts.iter_mut().rev() {
            (*count, start) = (start, start + *count);
        }
        for voxel in &voxels {
            let next = &mut counts[voxel.0.digit(number)];
            other[*next as usize] = *voxel;
            *next += 1;
        }
        std::mem::swap(&mut voxels, &mut other);
    }
    voxels
}

/// How many voxels are looked up at a time, so that the look-ups, which are all over
/// the volume, need not wait for one another.
const BLOCK: usize = 64;

/// A voxel that is to be joined with its higher neighbours.
#[derive(Clone, Copy, Default)]
struct Pending {
    place: usize,
    /// The bits of the neighbours that are still to come.
    higher: u32,
    /// One more than the rank of the next; 0 after the last.
    next: u32,
}

impl Pending {
    /// Goes on to the next neighbour.
    #[inline]
    fn advance(&mut self, ranks: &[u32], neighbours: &Neighbours) {
        if self.higher == 0 {
            self.next = 0;
            return;
        }
        let bit = self.higher.trailing_zeros() as usize;
        // Neighbours that touch this one are in its cluster already.
        self.higher &= !neighbours.touching[bit];
        self.next = ranks[self.place.wrapping_add_signed(neighbours.steps[bit])];
    }
}

/// Keeps the voxels one after the other and joins their clusters. Turns the bits of
/// the higher neighbours, at the place of each voxel, into one more than its rank.
/// Returns the parents and the extents.
///
/// The root of a set is its first voxel: which of two becomes the other's root is
/// known without a look at the sets.
fn sweep<K: SortKey>(
    voxels: &[(K, u32)],
    ranks: &mut [u32],
    neighbours: &Neighbours,
) -> (Vec<u32>, Vec<u32>) {
    let mut parents = vec![NONE; voxels.len()];
    let mut extents = vec![0; voxels.len()];
    let mut roots = vec![0; voxels.len()];
    // The latest voxel of each set, by its root.
    let mut latest = vec![0; voxels.len()];
    for (block, first) in voxels.chunks(BLOCK).zip((0_u32..).step_by(BLOCK)) {
        let pending = &mut [Pending::default(); BLOCK][..block.len()];
        for ((pending, &(_, place)), rank) in pending.iter_mut().zip(block).zip(first..) {
            let place = place as usize;
            let higher = std::mem::replace(&mut ranks[place], rank + 1);
            *pending = Pending { place, higher, next: 0 };
            roots[rank as usize] = rank;
        }
        for pending in pending.iter_mut() {
            pending.advance(ranks, neighbours);
        }
        for (pending, rank) in pending.iter_mut().zip(first..) {
            let (mut root, mut extent) = (rank, 1);
            while pending.next != 0 {
                let other = find(&mut roots, pending.next - 1);
                if other != root {
                    let child = latest[other as usize] as usize;
                    parents[child] = rank;
                    extent += extents[child];
                    let (first, second) = if other < root { (other, root) } else { (root, other) };
                    roots[second as usize] = first;
                    root = first;
                }
                pending.advance(ranks, neighbours);
            }
            latest[root as usize] = rank;
            extents[rank as usize] = extent;
        }
    }
    (parents, extents)
}

/// The root of a voxel. Halves the path on its way.
#[inline]
fn find(roots: &mut [u32], mut rank: u32) -> u32 {
    loop {
        let above = roots[rank as usize];
        if above == rank {
            return rank;
        }
        let next = roots[above as usize];
        roots[rank as usize] = next;
        rank = next;
    }
}
