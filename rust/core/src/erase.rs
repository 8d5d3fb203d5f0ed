//! Clusters that are too small leave the map.

use ndarray::ArrayViewMut3;

use crate::bits::{self, BITS};
use crate::cluster::Clusters;
use crate::instructions::{Loop, widest};
use crate::parallel;
use crate::runs::Plane;
use crate::summary::{Extremes, Summary};
use crate::volume::{copied, slabs_mut};
use crate::voxel::Voxel;

/// Sets the voxels of the clusters of fewer than `min_extent` voxels to zero, and
/// returns the range of what is left.
///
/// `extremes` is the range of `out` before, in which exactly the voxels of `clusters`
/// are not zero. Linear in words and runs; voxels are only touched where something
/// goes.
pub(crate) fn erase_small<T: Voxel>(
    mut out: ArrayViewMut3<'_, T>,
    clusters: &Clusters,
    min_extent: u64,
    extremes: Extremes<T>,
) -> (f64, f64) {
    let thickness = clusters.runs().planes_per_slab();
    let slabs = slabs_mut(out.view_mut(), thickness).into_iter().enumerate().collect();
    let erased = parallel::map(slabs, |(slab, mut out): (usize, ArrayViewMut3<'_, T>)| {
        let (mut erased, mut small, mut copy) = (None, Vec::new(), Vec::new());
        for (number, mut out) in out.outer_iter_mut().enumerate() {
            let plane = clusters.runs().plane(slab * thickness + number);
            if !widest(FindSmall { clusters, plane, min_extent, small: &mut small }) {
                continue;
            }
            let erased = erased.get_or_insert(Extremes::NONE);
            if let Some(out) = out.as_slice_mut() {
                widest(Erase { out, small: &small, erased });
                continue;
            }
            let changed = copied(out.view(), &mut copy);
            widest(Erase { out: changed, small: &small, erased });
            for (voxel, &value) in out.iter_mut().zip(&*changed) {
                *voxel = value;
            }
        }
        erased
    });
    let stays = |erased: Option<Extremes<T>>| erased.is_none_or(|e| extremes.stays_without(e));
    if erased.into_iter().all(stays) {
        return extremes.to_f64();
    }
    let Summary { min, max, .. } = Summary::of(out.view(), None);
    (min, max)
}

/// Marks the voxels of a plane that go; returns whether there are any.
struct FindSmall<'a> {
    clusters: &'a Clusters,
    plane: Plane<'a>,
    min_extent: u64,
    small: &'a mut Vec<u64>,
}

impl Loop for FindSmall<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { clusters, plane, min_extent, small } = self;
        small.clear();
        small.resize(plane.words().len(), 0);
        let mut any = false;
        for run in plane.runs() {
            if clusters.extent(run.number) < min_extent {
                any = true;
                set(small, run.start, run.end);
            }
        }
        any
    }
}

/// Sets the bits from `start` to before `end`.
#[inline(always)]
fn set(words: &mut [u64], start: usize, end: usize) {
    let ((first, first_bit), (last, last_bit)) = (bits::split(start), bits::split(end - 1));
    let from = !bits::below(first_bit);
    let to = bits::up_to(last_bit);
    if first == last {
        words[first] |= from & to;
        return;
    }
    words[first] |= from;
    words[first + 1..last].fill(u64::MAX);
    words[last] |= to;
}

/// Sets voxels of a plane to zero, and remembers what they were.
struct Erase<'a, T: Voxel> {
    out: &'a mut [T],
    small: &'a [u64],
    erased: &'a mut Extremes<T>,
}

impl<T: Voxel> Loop for Erase<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { out, small, erased } = self;
        let (blocks, rest) = out.as_chunks_mut::<BITS>();
        for (block, &small) in blocks.iter_mut().zip(small) {
            if small != 0 {
                erase(block, small, erased);
            }
        }
        if let Some(&small) = small.get(blocks.len()).filter(|small| **small != 0) {
            let mut block = [T::ZERO; BITS];
            block[..rest.len()].copy_from_slice(rest);
            erase(&mut block, small, erased);
            rest.copy_from_slice(&block[..rest.len()]);
        }
    }
}

#[inline(always)]
fn erase<T: Voxel>(block: &mut [T; BITS], small: u64, erased: &mut Extremes<T>) {
    let mut gone = [T::ZERO; BITS];
    // Half words, because eight of them fit into a register.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a word")]
    let halves = [small as u32, (small >> 32) as u32];
    for position in 0..BITS {
        let goes = halves[position / 32] >> (position % 32) & 1 == 1;
        gone[position] = if goes { block[position] } else { T::ZERO };
        block[position] = if goes { T::ZERO } else { block[position] };
    }
    erased.add(&gone);
}
