//! Where a result goes.

use ndarray::{ArrayView3, ArrayViewMut3, ArrayViewMutD};

/// An array that a result is written to.
pub struct Output<'a, T> {
    /// It has the shape of the data.
    pub(crate) array: ArrayViewMutD<'a, T>,
    /// Known to whoever allocated it, and worth a third of the time (benches/record/choices.md).
    pub(crate) is_zero: bool,
}

impl<'a, T> Output<'a, T> {
    /// An array that holds zeros. Only what passes is written, and memory that the system
    /// has promised but not yet given is not touched elsewhere.
    #[must_use]
    pub fn of_zeros(array: ArrayViewMutD<'a, T>) -> Self {
        Self { array, is_zero: true }
    }

    /// The output for a shorter time.
    pub(crate) fn view_mut(&mut self) -> Output<'_, T> {
        Output { array: self.array.view_mut(), is_zero: self.is_zero }
    }

    /// To read one that has the shape of a volume.
    pub(crate) fn volume(&self) -> ArrayView3<'_, T> {
        self.array.view().into_dimensionality().expect("three axes")
    }

    /// To write to one that has the shape of a volume.
    pub(crate) fn into_volume(self) -> (ArrayViewMut3<'a, T>, bool) {
        (self.array.into_dimensionality().expect("three axes"), self.is_zero)
    }
}

impl<'a, T> From<ArrayViewMutD<'a, T>> for Output<'a, T> {
    /// An array that may hold anything.
    fn from(array: ArrayViewMutD<'a, T>) -> Self {
        Self { array, is_zero: false }
    }
}
