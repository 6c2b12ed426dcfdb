//! Borrowed views of memory with four axes: batch, channel, row, column. A layout is nothing but strides.

use core::ops::Range;

use crate::conv::Layout;
use crate::error::Error;

/// Whether an array of these sizes, empty axes counted as one, is no larger than memory can be, and has `len` elements.
#[cold]
fn check_dense(operand: &'static str, len: usize, dims: [usize; 4]) -> Result<(), Error> {
    dims.iter()
        .try_fold(1usize, |count, &dim| count.checked_mul(dim.max(1)))
        .filter(|&count| isize::try_from(count).is_ok())
        .ok_or(Error::TooLarge { quantity: operand })?;
    match dims.iter().product() {
        expected if expected == len => Ok(()),
        expected => Err(Error::Length { operand, expected, got: len }),
    }
}

/// Where the elements of a view lie in their slice. Proven inside the slice when the view is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) dims: [usize; 4],
    pub(crate) strides: [isize; 4],
    /// Index of element (0, 0, 0, 0).
    pub(crate) origin: usize,
}

/// No product of four sizes below this overflows an `isize`.
const SMALL: usize = 1 << (usize::BITS / 4 - 1);

impl Geometry {
    /// A dense array whose axes, from the slowest to the fastest, are `order`.
    ///
    /// Inlined, so that a view that is made for one call stays in registers: written to memory value by value and
    /// copied in larger pieces, it would make the call wait for all of its stores.
    #[inline(always)]
    fn dense(operand: &'static str, len: usize, dims: [usize; 4], order: [usize; 4]) -> Result<Self, Error> {
        let [first, second, third, fourth] = order.map(|axis| dims[axis]);
        let [row, plane] = [fourth, third.wrapping_mul(fourth)];
        let item = second.wrapping_mul(plane);
        // A short call has no time for what other sizes need.
        let is_small = (first | second | third | fourth) < SMALL;
        if !is_small || first.wrapping_mul(item) != len {
            check_dense(operand, len, dims)?;
        }
        let mut strides = [1; 4];
        for (&axis, step) in order.iter().zip([item, plane, row]) {
            strides[axis] = step as isize;
        }
        Ok(Geometry { dims, strides, origin: 0 })
    }

    fn strided(len: usize, origin: usize, dims: [usize; 4], strides: [isize; 4]) -> Result<Self, Error> {
        let geometry = Geometry { dims, strides, origin };
        if dims.contains(&0) || geometry.stays_inside(len).is_some() {
            Ok(geometry)
        } else {
            Err(Error::OutOfBounds { dims, strides, offset: origin, len })
        }
    }

    /// `Some` if the smallest and the largest index lie inside `0..len`.
    fn stays_inside(&self, len: usize) -> Option<()> {
        let (mut lowest, mut highest) = (self.origin as i128, self.origin as i128);
        for (&dim, &stride) in self.dims.iter().zip(&self.strides) {
            let reach = (dim as i128 - 1).checked_mul(stride as i128)?;
            lowest = lowest.checked_add(reach.min(0))?;
            highest = highest.checked_add(reach.max(0))?;
        }
        (lowest >= 0 && highest < len as i128).then_some(())
    }

    /// Sorted-stride test: from the smallest stride up, each must step over all that the smaller ones cover.
    /// It refuses some layouts that do not overlap; every layout that nests passes.
    fn indices_are_distinct(&self) -> bool {
        if self.dims.contains(&0) {
            return true;
        }
        let mut axes = [0, 1, 2, 3];
        axes.sort_unstable_by_key(|&axis| self.strides[axis].unsigned_abs());
        let mut covered = 1u128;
        for axis in axes {
            let stride = self.strides[axis].unsigned_abs() as u128;
            if self.dims[axis] > 1 {
                if stride < covered {
                    return false;
                }
                covered += stride * (self.dims[axis] as u128 - 1);
            }
        }
        true
    }

    /// Index of an element in the slice; inside it for every index inside the dims.
    #[inline]
    pub(crate) fn index(&self, at: [usize; 4]) -> usize {
        (0..4).fold(self.origin, |index, axis| {
            index.wrapping_add_signed((at[axis] as isize).wrapping_mul(self.strides[axis]))
        })
    }

    fn cropped(mut self, axis: usize, range: Range<usize>) -> Result<Self, Error> {
        if range.start > range.end || range.end > self.dims[axis] {
            return Err(Error::Crop { start: range.start, end: range.end, len: self.dims[axis] });
        }
        if range.start < self.dims[axis] {
            self.origin =
                self.origin.wrapping_add_signed((range.start as isize).wrapping_mul(self.strides[axis]));
        }
        self.dims[axis] = range.end - range.start;
        Ok(self)
    }

    fn reversed(mut self, axis: usize) -> Self {
        if !self.dims.contains(&0) {
            let last = (self.dims[axis] as isize - 1).wrapping_mul(self.strides[axis]);
            self.origin = self.origin.wrapping_add_signed(last);
        }
        self.strides[axis] = self.strides[axis].wrapping_neg();
        self
    }
}

/// Memory order from the slowest to the fastest axis.
const NCHW: [usize; 4] = [0, 1, 2, 3];
const NHWC: [usize; 4] = [0, 2, 3, 1];

macro_rules! view {
    ($(#[$doc:meta])* $view:ident, $slice:ty, $operand:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $view<'a, T> {
            pub(crate) data: $slice,
            pub(crate) geometry: Geometry,
        }

        impl<'a, T> $view<'a, T> {
            /// A dense array of shape `[batch, channel, row, column]`.
            ///
            /// # Errors
            /// [`Error::Length`] if the slice is not as long as the shape says, [`Error::TooLarge`].
            #[inline]
            pub fn nchw(data: $slice, dims: [usize; 4]) -> Result<Self, Error> {
                let geometry = Geometry::dense($operand, data.len(), dims, NCHW)?;
                Ok(Self { data, geometry })
            }

            /// A dense array of shape `[batch, row, column, channel]`: given in the order of memory.
            ///
            /// # Errors
            /// [`Error::Length`] if the slice is not as long as the shape says, [`Error::TooLarge`].
            #[inline]
            pub fn nhwc(data: $slice, [batch, rows, columns, channels]: [usize; 4]) -> Result<Self, Error> {
                let geometry = Geometry::dense($operand, data.len(), [batch, channels, rows, columns], NHWC)?;
                Ok(Self { data, geometry })
            }

            /// A dense array in a layout. `dims` is `[batch, channel, row, column]` in either, as plans tell shapes.
            ///
            /// # Errors
            /// [`Error::Length`] if the slice is not as long as the shape says, [`Error::TooLarge`].
            #[inline]
            pub fn new(data: $slice, dims: [usize; 4], layout: Layout) -> Result<Self, Error> {
                let order = match layout {
                    Layout::Nchw => NCHW,
                    Layout::Nhwc => NHWC,
                };
                let geometry = Geometry::dense($operand, data.len(), dims, order)?;
                Ok(Self { data, geometry })
            }

            /// One image of one channel, shape `[row, column]`.
            ///
            /// # Errors
            /// [`Error::Length`] if the slice is not as long as the shape says, [`Error::TooLarge`].
            #[inline]
            pub fn plane(data: $slice, [rows, columns]: [usize; 2]) -> Result<Self, Error> {
                Self::nchw(data, [1, 1, rows, columns])
            }

            /// The whole slice as one signal.
            #[inline]
            pub fn signal(data: $slice) -> Self {
                let geometry = Geometry { dims: [1, 1, 1, data.len()], strides: [0, 0, 0, 1], origin: 0 };
                Self { data, geometry }
            }

            /// Any strides, in elements, negative ones included: element (b, c, y, x) is
            /// `data[offset + b * strides[0] + c * strides[1] + y * strides[2] + x * strides[3]]`.
            /// `dims` is `[batch, channel, row, column]`. The farthest elements are checked.
            ///
            /// # Errors
            /// [`Error::OutOfBounds`] if an element is outside of the slice; to write, [`Error::Overlap`] if strides do
            /// not nest.
            pub fn strided(
                data: $slice, offset: usize, dims: [usize; 4], strides: [isize; 4],
            ) -> Result<Self, Error> {
                let geometry = Geometry::strided(data.len(), offset, dims, strides)?;
                let check: fn(&Geometry) -> bool = $check;
                if !check(&geometry) {
                    return Err(Error::Overlap { dims, strides });
                }
                Ok(Self { data, geometry })
            }

            /// Only these rows.
            ///
            /// # Errors
            /// [`Error::Crop`] if there are fewer.
            pub fn rows(self, rows: Range<usize>) -> Result<Self, Error> {
                let geometry = self.geometry.cropped(2, rows)?;
                Ok(Self { data: self.data, geometry })
            }

            /// Only these columns.
            ///
            /// # Errors
            /// [`Error::Crop`] if there are fewer.
            pub fn columns(self, columns: Range<usize>) -> Result<Self, Error> {
                let geometry = self.geometry.cropped(3, columns)?;
                Ok(Self { data: self.data, geometry })
            }

            /// The rows in reverse order.
            pub fn reverse_rows(self) -> Self {
                Self { data: self.data, geometry: self.geometry.reversed(2) }
            }

            /// The columns in reverse order.
            pub fn reverse_columns(self) -> Self {
                Self { data: self.data, geometry: self.geometry.reversed(3) }
            }

            /// Sizes: batch, channel, row, column.
            pub fn dims(&self) -> [usize; 4] {
                self.geometry.dims
            }

            /// Distances in elements: batch, channel, row, column.
            pub fn strides(&self) -> [isize; 4] {
                self.geometry.strides
            }
        }
    };
}

view! {
    /// A borrowed view to read from: input or kernel. Axes are batch, channel, row, column; for a kernel
    /// output channel, input channel of the group, row, column. Elements may be shared (stride 0).
    ///
    /// ```
    /// use convolve::View;
    /// let pixels: Vec<f32> = (0..12).map(|i| i as f32).collect();
    /// let image = View::plane(&pixels, [3, 4])?;
    /// let corner = image.rows(1..3)?.columns(2..4)?.reverse_columns();
    /// assert_eq!(corner.dims(), [1, 1, 2, 2]);
    /// assert_eq!(corner.get([0, 0, 0, 0]), Some(7.0));
    /// assert!(View::plane(&pixels, [3, 5]).is_err());
    /// # Ok::<(), convolve::Error>(())
    /// ```
    View, &'a [T], "input or kernel", |_| true
}

view! {
    /// A borrowed view to write to. No two of its indices may name the same element: strides must nest
    /// (sorted by size, each steps over everything that the smaller ones cover), which is checked, and refuses
    /// a few layouts that would not overlap.
    ///
    /// ```
    /// use convolve::ViewMut;
    /// let mut pixels = vec![0.0f32; 12];
    /// // Three channels interleaved, then an overlapping layout.
    /// assert!(ViewMut::nhwc(&mut pixels, [1, 2, 2, 3]).is_ok());
    /// assert!(ViewMut::strided(&mut pixels, 0, [1, 1, 3, 4], [0, 0, 2, 1]).is_err());
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ViewMut, &'a mut [T], "output", Geometry::indices_are_distinct
}

impl<T> Clone for View<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for View<'_, T> {}

impl<T: Copy> View<'_, T> {
    /// The element at (batch, channel, row, column), `None` outside.
    pub fn get(&self, at: [usize; 4]) -> Option<T> {
        let inside = at.iter().zip(&self.geometry.dims).all(|(index, dim)| index < dim);
        inside.then(|| self.data[self.geometry.index(at)])
    }

    /// Reads neighbours along the first axis, output channels of a kernel, from `at` on. All of them are elements.
    pub(crate) fn read_first_axis(&self, at: [usize; 4], to: &mut [T]) {
        let (first, stride) = (self.geometry.index(at), self.geometry.strides[0]);
        for (i, value) in to.iter_mut().enumerate() {
            *value = self.data[first.wrapping_add_signed((i as isize).wrapping_mul(stride))];
        }
    }
}

impl<'a, T> ViewMut<'a, T> {
    /// The same elements to read.
    pub fn as_view(&self) -> View<'_, T> {
        View { data: self.data, geometry: self.geometry }
    }

    /// The same elements to write, for a call that takes a view by value.
    ///
    /// ```
    /// use convolve::{Layout, ViewMut};
    /// let mut pixels = vec![0.0f32; 12];
    /// let mut image = ViewMut::new(&mut pixels, [1, 3, 2, 2], Layout::Nhwc)?;
    /// let left = image.reborrow().columns(0..1)?;
    /// assert_eq!(left.dims(), [1, 3, 2, 1]);
    /// assert_eq!(image.dims(), [1, 3, 2, 2]);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn reborrow(&mut self) -> ViewMut<'_, T> {
        ViewMut { data: self.data, geometry: self.geometry }
    }
}
