//! Volumes in the order in which they lie in memory.
//!
//! Thresholding and neighbourhoods do not change when axes are swapped or
//! reversed, so every view is first turned until its last axis is the one
//! whose voxels lie closest together and no step is negative. From there on a
//! volume is planes of rows, whatever its strides were.

use ndarray::{ArrayBase, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut3, Axis, Ix3, RawData};

use crate::parallel;
use crate::voxel::Voxel;

/// The turn that brings a view into memory order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryOrder {
    /// The axes of the view, slowest first.
    axes: [usize; 3],
    /// Whether each axis of the view, by its own number, has a negative step.
    reversed: [bool; 3],
}

impl MemoryOrder {
    /// The order of a view with these strides.
    #[must_use]
    pub fn of<T>(view: &ArrayView3<'_, T>) -> Self {
        let strides = view.strides();
        // The stride of an axis of length 1 means nothing. Such an axis must
        // not become the rows (of one voxel each) nor, if it can be helped,
        // the planes (which are shared out among threads): it goes before
        // the rows.
        let (mut axes, single): (Vec<_>, Vec<_>) = (0..3).partition(|&axis| view.shape()[axis] > 1);
        axes.sort_by_key(|&axis| std::cmp::Reverse(strides[axis].unsigned_abs()));
        let before_last = axes.len().saturating_sub(1);
        axes.splice(before_last..before_last, single);
        Self {
            axes: [axes[0], axes[1], axes[2]],
            reversed: [0, 1, 2].map(|axis| view.shape()[axis] > 1 && strides[axis] < 0),
        }
    }

    /// Turns a view of the same shape as the one this order was taken from.
    pub fn apply<S: RawData>(&self, mut view: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
        for axis in 0..3 {
            if self.reversed[axis] {
                view.invert_axis(Axis(axis));
            }
        }
        view.permuted_axes(self.axes)
    }

    /// The index in the view of a voxel that is known by plane, row and
    /// position in the row; `shape` is the view's.
    #[must_use]
    pub fn index_in_view(&self, shape: [usize; 3], turned: [usize; 3]) -> [usize; 3] {
        let mut index = [0; 3];
        for (position, &axis) in self.axes.iter().enumerate() {
            let along = turned[position];
            index[axis] = if self.reversed[axis] { shape[axis] - 1 - along } else { along };
        }
        index
    }
}

/// Where a result goes.
pub(crate) enum Target<'a, T> {
    /// Into another volume of the same shape.
    New {
        /// What is read.
        source: ArrayView3<'a, T>,
        /// What is written, whole; its old content is never read.
        out: ArrayViewMut3<'a, T>,
    },
    /// Over the volume itself.
    InPlace(ArrayViewMut3<'a, T>),
}

impl<'a, T> Target<'a, T> {
    /// The volume to read.
    pub(crate) fn source(&self) -> ArrayView3<'_, T> {
        match self {
            Self::New { source, .. } => source.view(),
            Self::InPlace(volume) => volume.view(),
        }
    }

    /// The same, turned.
    pub(crate) fn in_order(self, order: MemoryOrder) -> Self {
        match self {
            Self::New { source, out } => {
                Self::New { source: order.apply(source), out: order.apply(out) }
            }
            Self::InPlace(volume) => Self::InPlace(order.apply(volume)),
        }
    }

    /// Source and output of each slab of `thickness` planes.
    fn slabs(self, thickness: usize) -> Vec<(Option<ArrayView3<'a, T>>, ArrayViewMut3<'a, T>)> {
        let (source, out) = match self {
            Self::New { source, out } => (Some(source), out),
            Self::InPlace(volume) => (None, volume),
        };
        let sources = optional_slabs(source, thickness);
        sources.zip(into_slabs(out, thickness)).collect()
    }
}

/// Cuts a mutable view into slabs of `thickness` planes.
fn into_slabs<T>(mut view: ArrayViewMut3<'_, T>, thickness: usize) -> Vec<ArrayViewMut3<'_, T>> {
    let mut slabs = Vec::new();
    while view.len_of(Axis(0)) > thickness {
        let (slab, rest) = view.split_at(Axis(0), thickness);
        slabs.push(slab);
        view = rest;
    }
    slabs.push(view);
    slabs
}

/// The slabs of a view that may not be there, without end when it is not.
fn optional_slabs<'a, T>(
    view: Option<ArrayView3<'a, T>>,
    thickness: usize,
) -> Box<dyn Iterator<Item = Option<ArrayView3<'a, T>>> + 'a> {
    match view {
        None => Box::new(std::iter::repeat_with(|| None)),
        Some(mut view) => {
            let mut slabs = Vec::new();
            while view.len_of(Axis(0)) > thickness {
                let (slab, rest) = view.split_at(Axis(0), thickness);
                slabs.push(Some(slab));
                view = rest;
            }
            slabs.push(Some(view));
            Box::new(slabs.into_iter())
        }
    }
}

/// A row as a slice: the row itself where its voxels lie side by side, else a
/// copy of this one row in `scratch`.
fn as_slice<'a, T: Copy>(row: ArrayView1<'a, T>, scratch: &'a mut Vec<T>) -> &'a [T] {
    match row.to_slice() {
        Some(slice) => slice,
        None => copied(row.iter(), scratch),
    }
}

fn copied<'a, 'b, T: Copy + 'b>(
    values: impl Iterator<Item = &'b T>,
    scratch: &'a mut Vec<T>,
) -> &'a [T] {
    scratch.clear();
    scratch.extend(values);
    scratch
}

/// Visits a volume in memory order, slab by slab, in *stretches*: a whole plane
/// where its rows follow one another in memory, else a single row.
///
/// Each slab starts from its own `start(rows)`, with its number of rows; the states
/// come back in the order of the slabs, and within a slab the stretches come in
/// theirs.
pub(crate) fn fold_stretches<T: Voxel, State: Send>(
    volume: ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    start: impl Fn(usize) -> State + Sync,
    visit: impl Fn(&mut State, &[T], Option<&[bool]>) + Sync,
) -> Vec<State> {
    let thickness = parallel::slab_thickness(volume.len_of(Axis(0)));
    let slabs: Vec<_> =
        optional_slabs(Some(volume), thickness).zip(optional_slabs(mask, thickness)).collect();
    parallel::map(slabs, |(slab, mask)| {
        let slab = slab.expect("the volume is there");
        let mut state = start(slab.dim().0 * slab.dim().1);
        let (mut scratch, mut mask_scratch) = (Vec::new(), Vec::new());
        for (plane_index, plane) in slab.outer_iter().enumerate() {
            let mask = mask.as_ref().map(|mask| mask.index_axis(Axis(0), plane_index));
            if let (Some(stretch), Some(mask)) = (plane.to_slice(), whole(mask)) {
                visit(&mut state, stretch, mask);
                continue;
            }
            for (row_index, row) in plane.outer_iter().enumerate() {
                let mask = mask_row(mask, row_index, &mut mask_scratch);
                visit(&mut state, as_slice(row, &mut scratch), mask);
            }
        }
        state
    })
}

/// A plane of a mask as one slice; `None` when it is none, and `Some(None)` when
/// there is no mask.
#[expect(clippy::option_option, reason = "no mask is as good as one in one piece")]
fn whole(mask: Option<ArrayView2<'_, bool>>) -> Option<Option<&[bool]>> {
    mask.map_or(Some(None), |mask| mask.to_slice().map(Some))
}

fn mask_row<'a>(
    mask: Option<ArrayView2<'a, bool>>,
    row: usize,
    scratch: &'a mut Vec<bool>,
) -> Option<&'a [bool]> {
    mask.map(|mask| as_slice(mask.index_axis_move(Axis(0), row), scratch))
}

/// Writes a result in stretches, as [`fold_stretches`] reads:
/// `write(row, source, mask, out)`, with the number of the stretch's first row in
/// the volume.
pub(crate) fn write_stretches<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    write: impl Fn(usize, &[T], Option<&[bool]>, &mut [T]) + Sync,
) {
    let (planes, rows_per_plane, row_length) = target.source().dim();
    let thickness = parallel::slab_thickness(planes);
    let slabs: Vec<_> = target
        .slabs(thickness)
        .into_iter()
        .zip(optional_slabs(mask, thickness))
        .enumerate()
        .collect();
    parallel::map(slabs, |(slab_index, ((source, mut out), mask))| {
        let first_row = slab_index * thickness * rows_per_plane;
        let (mut scratch, mut mask_scratch) = (Vec::new(), Vec::new());
        let mut out_scratch = vec![T::ZERO; if out_is_sliced(&out) { 0 } else { row_length }];
        for (plane_index, mut out) in out.outer_iter_mut().enumerate() {
            let row = first_row + plane_index * rows_per_plane;
            let source = source.as_ref().map(|source| source.index_axis(Axis(0), plane_index));
            let mask = mask.as_ref().map(|mask| mask.index_axis(Axis(0), plane_index));
            if let (Some(out), Some(mask)) = (out.as_slice_mut(), whole(mask)) {
                let stretch = match source {
                    Some(source) => source.to_slice(),
                    None => Some(copied(out.iter(), &mut scratch)),
                };
                if let Some(stretch) = stretch {
                    write(row, stretch, mask, out);
                    continue;
                }
            }
            for (row_index, mut out) in out.outer_iter_mut().enumerate() {
                let mask = mask_row(mask, row_index, &mut mask_scratch);
                let values = match source {
                    Some(source) => {
                        as_slice(source.index_axis_move(Axis(0), row_index), &mut scratch)
                    }
                    None => copied(out.iter(), &mut scratch),
                };
                if let Some(slice) = out.as_slice_mut() {
                    write(row + row_index, values, mask, slice);
                } else {
                    write(row + row_index, values, mask, &mut out_scratch);
                    for (voxel, &value) in out.iter_mut().zip(&out_scratch) {
                        *voxel = value;
                    }
                }
            }
        }
    });
}

/// Whether the rows of an output are slices, so that no scratch row is needed.
fn out_is_sliced<T>(out: &ArrayViewMut3<'_, T>) -> bool {
    out.len_of(Axis(2)) <= 1 || out.strides()[2] == 1
}
