//! The order in which a volume lies in memory.
//!
//! Thresholding and neighbourhoods do not change when axes are swapped or reversed, so every
//! view is first turned until its last axis is the one whose voxels lie closest together and
//! no step is negative. From there on a volume is planes of rows:
//!
//! ```text
//! a view of shape (x, y, z)        the same turned        planes, rows, voxels of a row
//!   C order                          x, y, z
//!   Fortran order                    z, y, x
//!   x backwards, in C order         -x, y, z
//! ```

use ndarray::{ArrayBase, ArrayView3, Axis, Dimension, IntoDimension, Ix3, Ix4, RawData};

/// The turn that brings a view into memory order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryOrder {
    /// The axes of the view, slowest first.
    axes: [usize; 3],
    /// Whether each axis of the view, by its own number, has a negative step.
    reversed: [bool; 3],
}

impl MemoryOrder {
    /// The order of a view with these strides.
    pub(crate) fn of<T>(view: &ArrayView3<'_, T>) -> Self {
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
    pub(crate) fn in_direction_of<T>(self, view: &ArrayView3<'_, T>) -> Self {
        Self { reversed: reversed(view), ..self }
    }

    /// Turns a view of the same shape as the one this order was taken from.
    pub(crate) fn apply<S: RawData>(&self, view: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
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
    pub(crate) fn index_in_view(&self, shape: [usize; 3], turned: [usize; 3]) -> [usize; 3] {
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
    /// The shape of the view.
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

    /// The indices in a view of 3 x 3 x 3 voxels: those of the neighbours of any voxel compare
    /// alike.
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
