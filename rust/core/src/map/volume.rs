//! Volumes in the order in which they lie in memory.
//!
//! Thresholding and neighbourhoods do not change when axes are swapped or
//! reversed, so every view is first turned until its last axis is the one
//! whose voxels lie closest together and no step is negative. From there on a
//! volume is planes of rows, and a plane is a slice, whatever its strides were:
//! where its voxels do not follow one another it is copied, one plane at a time.

use ndarray::{
    ArrayBase, ArrayView2, ArrayView3, ArrayViewMut1, ArrayViewMut2, ArrayViewMut3, Axis,
    Dimension, IntoDimension, Ix3, Ix4, RawData,
};

use crate::parallel;
use crate::simd::chunk::CHUNK;
use crate::simd::dispatch::{Loop, dispatch};
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
        Self { axes: [axes[0], axes[1], axes[2]], reversed: reversed(view) }
    }

    /// The same axes in the direction in which another view lies in memory.
    fn in_direction_of<T>(self, view: &ArrayView3<'_, T>) -> Self {
        Self { reversed: reversed(view), ..self }
    }

    /// Turns a view of the same shape as the one this order was taken from.
    pub fn apply<S: RawData>(&self, view: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
        self.turn(view, self.axes)
    }

    /// Turns each volume of a series, of which the last axis stays the last.
    pub(crate) fn apply_to_series<S: RawData>(
        &self,
        series: ArrayBase<S, Ix4>,
    ) -> ArrayBase<S, Ix4> {
        let [planes, rows, voxels] = self.axes;
        self.turn(series, [planes, rows, voxels, 3])
    }

    fn turn<S: RawData, D: Dimension>(
        &self,
        mut view: ArrayBase<S, D>,
        axes: impl IntoDimension<Dim = D>,
    ) -> ArrayBase<S, D> {
        for axis in 0..3 {
            if self.reversed[axis] {
                view.invert_axis(Axis(axis));
            }
        }
        view.permuted_axes(axes)
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

/// Which axes of a view have a negative step.
fn reversed<T>(view: &ArrayView3<'_, T>) -> [bool; 3] {
    [0, 1, 2].map(|axis| view.shape()[axis] > 1 && view.strides()[axis] < 0)
}

/// How a volume in memory order lies in the view it was turned from.
pub(crate) struct Frame {
    pub(crate) order: MemoryOrder,
    /// Of the view.
    pub(crate) shape: [usize; 3],
}

impl Frame {
    pub(crate) fn of<T>(view: &ArrayView3<'_, T>) -> Self {
        Self::new(MemoryOrder::of(view), view.dim())
    }

    pub(crate) fn new(order: MemoryOrder, (x, y, z): (usize, usize, usize)) -> Self {
        Self { order, shape: [x, y, z] }
    }

    /// The indices in the view of a voxel in memory order.
    pub(crate) fn index(&self, turned: [usize; 3]) -> [usize; 3] {
        self.order.index_in_view(self.shape, turned)
    }

    /// The same in a cube of 27 voxels, for the neighbours of any voxel.
    pub(crate) fn index_in_cube(&self, turned: [usize; 3]) -> [usize; 3] {
        self.order.index_in_view([3; 3], turned)
    }

    /// Sums of weights times indices in the view, from those times indices in memory
    /// order; `sum` is that of the weights.
    pub(crate) fn moments(&self, turned: [i128; 3], sum: i128) -> [i128; 3] {
        let mut moments = [0; 3];
        for (moment, &axis) in turned.into_iter().zip(&self.order.axes) {
            let last = self.shape[axis] as i128 - 1;
            moments[axis] = if self.order.reversed[axis] { last * sum - moment } else { moment };
        }
        moments
    }
}

/// What a pass over a volume reads, and where it writes.
pub(crate) enum Target<'a, T> {
    /// It writes nowhere.
    Read(ArrayView3<'a, T>),
    /// Into another volume of the same shape.
    New {
        /// What is read.
        source: ArrayView3<'a, T>,
        /// What is written, whole; its old content is never read.
        out: ArrayViewMut3<'a, T>,
        /// Whether the old content is zeros, so that zeros need not be written.
        is_zero: bool,
    },
    /// Over the volume itself.
    InPlace(ArrayViewMut3<'a, T>),
}

impl<'a, T> Target<'a, T> {
    /// The volume to read.
    pub(crate) fn source(&self) -> ArrayView3<'_, T> {
        match self {
            Self::Read(source) | Self::New { source, .. } => source.view(),
            Self::InPlace(volume) => volume.view(),
        }
    }

    /// The volume to write.
    pub(crate) fn out(self) -> Option<ArrayViewMut3<'a, T>> {
        match self {
            Self::Read(_) => None,
            Self::New { out, .. } | Self::InPlace(out) => Some(out),
        }
    }

    /// The same target for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Target<'_, T> {
        match self {
            Self::Read(source) => Target::Read(source.view()),
            Self::New { source, out, is_zero } => {
                Target::New { source: source.view(), out: out.view_mut(), is_zero: *is_zero }
            }
            Self::InPlace(volume) => Target::InPlace(volume.view_mut()),
        }
    }

    /// The order in which to visit it: of what is read, but in the direction of what is
    /// written, because it is faster to read backwards than to write so.
    pub(crate) fn order(&self) -> MemoryOrder {
        let order = MemoryOrder::of(&self.source());
        match self {
            Self::New { out, .. } => order.in_direction_of(&out.view()),
            Self::Read(_) | Self::InPlace(_) => order,
        }
    }

    /// The same, turned.
    pub(crate) fn in_order(self, order: MemoryOrder) -> Self {
        match self {
            Self::Read(source) => Self::Read(order.apply(source)),
            Self::New { source, out, is_zero } => {
                Self::New { source: order.apply(source), out: order.apply(out), is_zero }
            }
            Self::InPlace(volume) => Self::InPlace(order.apply(volume)),
        }
    }

    /// The target of each slab of `thickness` planes.
    fn slabs(&mut self, thickness: usize) -> Vec<Target<'_, T>> {
        let planes = Axis(0);
        match self {
            Self::Read(source) => {
                source.axis_chunks_iter(planes, thickness).map(Target::Read).collect()
            }
            Self::New { source, out, is_zero } => source
                .axis_chunks_iter(planes, thickness)
                .zip(out.axis_chunks_iter_mut(planes, thickness))
                .map(|(source, out)| Target::New { source, out, is_zero: *is_zero })
                .collect(),
            Self::InPlace(volume) => {
                volume.axis_chunks_iter_mut(planes, thickness).map(Target::InPlace).collect()
            }
        }
    }
}

/// One plane of a volume.
pub(crate) struct Plane<'a, T> {
    /// Its voxels.
    pub(crate) source: &'a [T],
    /// Its part of the mask.
    pub(crate) mask: Option<&'a [bool]>,
    /// Where its result goes.
    pub(crate) out: Out<'a, T>,
}

/// Where the result of a plane goes.
pub(crate) enum Out<'a, T> {
    /// Nowhere.
    None,
    /// To voxels that hold anything.
    Any(&'a mut [T]),
    /// To zeros.
    Zeros(&'a mut [T]),
}

/// Visits a volume plane by plane, in slabs of `thickness` planes that are visited
/// in parallel.
///
/// Each slab starts from its own `start(planes)`, with its number of planes; the
/// states come back in the order of the slabs, and the planes of a slab come in
/// theirs.
pub(crate) fn visit_planes<T: Voxel, State: Send>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    thickness: usize,
    start: impl Fn(usize) -> State + Sync,
    visit: impl Fn(&mut State, Plane<'_, T>) + Sync,
) -> Vec<State> {
    visit_slabs(target, mask, thickness, start, |state, target, mask| {
        visit_slab(target, mask, |plane| visit(state, plane));
    })
}

/// The same for those to whom a plane is no more than its voxels: the planes of a slab
/// come as one where they follow one another in memory.
pub(crate) fn visit_stretches<T: Voxel, State: Send>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    thickness: usize,
    start: impl Fn() -> State + Sync,
    visit: impl Fn(&mut State, Plane<'_, T>) + Sync,
) -> Vec<State> {
    visit_slabs(
        target,
        mask,
        thickness,
        |_| start(),
        |state, target, mask| {
            let (target, mask) = in_one_plane(target, mask);
            visit_slab(target, mask, |plane| visit(state, plane));
        },
    )
}

fn visit_slabs<T: Voxel, State: Send>(
    mut target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    thickness: usize,
    start: impl Fn(usize) -> State + Sync,
    visit: impl Fn(&mut State, Target<'_, T>, Option<ArrayView3<'_, bool>>) + Sync,
) -> Vec<State> {
    let targets = target.slabs(thickness);
    let masks = match &mask {
        None => vec![None; targets.len()],
        Some(mask) => mask.axis_chunks_iter(Axis(0), thickness).map(Some).collect(),
    };
    let slabs = targets.into_iter().zip(masks).collect();
    parallel::map(slabs, |(target, mask)| {
        let mut state = start(target.source().len_of(Axis(0)));
        visit(&mut state, target, mask);
        state
    })
}

/// A slab with its planes in one, if that is how they lie in memory. One that is written
/// over itself stays as it is: its planes are copied.
fn in_one_plane<'a, 'b, T>(
    target: Target<'a, T>,
    mask: Option<ArrayView3<'b, bool>>,
) -> (Target<'a, T>, Option<ArrayView3<'b, bool>>) {
    let follow = match &target {
        Target::Read(source) => source.is_standard_layout(),
        Target::New { source, out, .. } => source.is_standard_layout() && out.is_standard_layout(),
        Target::InPlace(_) => false,
    };
    if !follow || mask.is_some_and(|mask| !mask.is_standard_layout()) {
        return (target, mask);
    }
    let target = match target {
        Target::Read(source) => Target::Read(joined(source)),
        Target::New { source, out, is_zero } => {
            Target::New { source: joined(source), out: joined(out), is_zero }
        }
        Target::InPlace(volume) => Target::InPlace(volume),
    };
    (target, mask.map(joined))
}

/// Planes that follow one another, as one.
fn joined<S: RawData>(mut planes: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
    planes.merge_axes(Axis(0), Axis(1));
    planes
}

fn visit_slab<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    mut visit: impl FnMut(Plane<'_, T>),
) {
    let (source, mut out, is_zero) = match target {
        Target::Read(source) => (Some(source), None, false),
        Target::New { source, out, is_zero } => (Some(source), Some(out), is_zero),
        Target::InPlace(volume) => (None, Some(volume), false),
    };
    let planes = source.as_ref().map_or_else(
        || out.as_ref().map_or(0, |out| out.len_of(Axis(0))),
        |source| source.len_of(Axis(0)),
    );
    let (mut copy, mut mask_copy, mut out_copy) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..planes {
        let mut out = out.as_mut().map(|out| out.index_axis_mut(Axis(0), number));
        let source = match (&source, &out) {
            (Some(source), _) => as_slice(source.index_axis(Axis(0), number), &mut copy),
            (None, Some(out)) => copied(out.view(), &mut copy),
            (None, None) => return,
        };
        let mask = mask.as_ref().map(|mask| mask.index_axis(Axis(0), number));
        let mask = mask.map(|mask| as_slice(mask, &mut mask_copy));
        let Some(out) = &mut out else {
            visit(Plane { source, mask, out: Out::None });
            continue;
        };
        if let Some(out) = out.as_slice_mut() {
            let out = if is_zero { Out::Zeros(out) } else { Out::Any(out) };
            visit(Plane { source, mask, out });
        } else {
            out_copy.resize(out.len(), T::ZERO);
            visit(Plane { source, mask, out: Out::Any(&mut out_copy) });
            write_rows(out.view_mut(), &out_copy);
        }
    }
}

/// Writes a plane whose voxels do not follow one another.
fn write_rows<T: Voxel>(mut plane: ArrayViewMut2<'_, T>, values: &[T]) {
    let row_length = plane.len_of(Axis(1));
    for (mut row, values) in plane.outer_iter_mut().zip(values.chunks_exact(row_length)) {
        match row.as_slice_mut() {
            Some(row) => row.copy_from_slice(values),
            None => row.iter_mut().zip(values).for_each(|(voxel, value)| *voxel = *value),
        }
    }
}

/// A plane as a slice: the plane itself where its voxels follow one another, else a
/// copy of it.
pub(crate) fn as_slice<'a, T: Copy + Default>(
    plane: ArrayView2<'a, T>,
    copy: &'a mut Vec<T>,
) -> &'a [T] {
    match plane.to_slice() {
        Some(slice) => slice,
        None => copied(plane, copy),
    }
}

/// A copy of a plane.
fn copied<'a, T: Copy + Default>(plane: ArrayView2<'_, T>, copy: &'a mut Vec<T>) -> &'a mut [T] {
    copy.resize(plane.len(), T::default());
    dispatch(CopyPlane { plane, copy });
    copy
}

struct CopyPlane<'a, T> {
    plane: ArrayView2<'a, T>,
    copy: &'a mut [T],
}

impl<T: Copy> Loop for CopyPlane<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mut plane, copy } = self;
        let mut reversed = plane;
        reversed.invert_axis(Axis(0));
        reversed.invert_axis(Axis(1));
        if let Some(reversed) = reversed.to_slice() {
            copy_reversed(copy, reversed);
            return;
        }
        // To begin a row takes as long as many voxels do, so that rows which follow one
        // another in equal steps are one.
        plane.merge_axes(Axis(0), Axis(1));
        let row_length = plane.len_of(Axis(1));
        for (copy, row) in copy.chunks_exact_mut(row_length).zip(plane.outer_iter()) {
            let mut reversed = row;
            reversed.invert_axis(Axis(0));
            match (row.to_slice(), reversed.to_slice()) {
                (Some(row), _) => copy.copy_from_slice(row),
                (None, Some(reversed)) => copy_reversed(copy, reversed),
                (None, None) => ArrayViewMut1::from(copy).assign(&row),
            }
        }
    }
}

/// Copies values, the last to the first place. They are read forwards, which memory is
/// made for.
#[inline(always)]
fn copy_reversed<T: Copy>(copy: &mut [T], reversed: &[T]) {
    let (first, copied) = copy.as_rchunks_mut::<CHUNK>();
    let (chunks, last) = reversed.as_chunks::<CHUNK>();
    for (copy, values) in copied.iter_mut().rev().zip(chunks) {
        let mut values = *values;
        values.reverse();
        *copy = values;
    }
    for (copy, value) in first.iter_mut().rev().zip(last) {
        *copy = *value;
    }
}
