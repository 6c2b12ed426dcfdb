//! Complex numbers in vectors, and butterflies: transforms of two, four and eight of them in registers.

use core::marker::PhantomData;

use super::Both;
use crate::element::Element;
use crate::isa::Lanes;

/// A vector of real parts and one of imaginary parts.
#[derive(Clone, Copy)]
pub(super) struct Complex<V> {
    pub(super) re: V,
    pub(super) im: V,
}

impl<V> Complex<V> {
    /// Imaginary and real part exchanged: a transform between two exchanges is the one in the other direction.
    #[inline(always)]
    pub(super) fn exchanged(self) -> Self {
        Complex { re: self.im, im: self.re }
    }
}

/// Where elements are: the parts of number `e` at `re + e * step` and `im + e * step`.
#[derive(Clone, Copy)]
pub(super) struct Elements<T> {
    pub(super) re: *mut T,
    pub(super) im: *mut T,
    pub(super) step: isize,
}

impl<T> Elements<T> {
    /// Elements side by side, each the vector of its real parts before that of its imaginary parts.
    #[inline(always)]
    pub(super) fn packed<I: Lanes<T>>(_isa: I, first: *mut T) -> Self {
        Elements { re: first, im: first.wrapping_add(I::LANES), step: 2 * I::LANES as isize }
    }

    /// Those from number `e` on.
    #[inline(always)]
    pub(super) fn from(self, e: usize) -> Self {
        let offset = (e as isize).wrapping_mul(self.step);
        Elements { re: self.re.wrapping_offset(offset), im: self.im.wrapping_offset(offset), step: self.step }
    }
}

/// Where the elements of a pass are read.
pub(super) trait Source<T>: Copy {
    /// # Safety
    /// Both parts of element `e` are readable.
    unsafe fn load<I: Lanes<T>>(self, isa: I, e: usize) -> Complex<I::Vector>;
}

impl<T: Copy> Source<T> for Elements<T> {
    #[inline(always)]
    unsafe fn load<I: Lanes<T>>(self, isa: I, e: usize) -> Complex<I::Vector> {
        let Elements { re, im, .. } = self.from(e);
        // SAFETY: vouched for by the caller.
        unsafe { Complex { re: isa.load(re), im: isa.load(im) } }
    }
}

/// The vector of columns from `first` on: elements are rows, found through a table for either part. The machine does
/// not foresee columns, so that each load asks for the vector behind.
#[derive(Clone, Copy)]
pub(super) struct ColumnsOfRows<T> {
    pub(super) rows: Both<*const *const T>,
    pub(super) first: usize,
}

impl<T: Copy> Source<T> for ColumnsOfRows<T> {
    #[inline(always)]
    unsafe fn load<I: Lanes<T>>(self, isa: I, e: usize) -> Complex<I::Vector> {
        // SAFETY: the tables hold this row, and it is readable, vouched for by the caller.
        unsafe {
            let re = (*self.rows[0].add(e)).wrapping_add(self.first);
            let im = (*self.rows[1].add(e)).wrapping_add(self.first);
            isa.prefetch(re.wrapping_add(2 * I::LANES - 1));
            isa.prefetch(im.wrapping_add(2 * I::LANES - 1));
            Complex { re: isa.load(re), im: isa.load(im) }
        }
    }
}

/// Complex arithmetic with an instruction set.
pub(super) struct Arithmetic<T, I> {
    pub(super) isa: I,
    element: PhantomData<T>,
}

impl<T, I: Copy> Clone for Arithmetic<T, I> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, I: Copy> Copy for Arithmetic<T, I> {}

/// A complex vector of an instruction set.
type Of<T, I> = Complex<<I as Lanes<T>>::Vector>;

impl<T: Element, I: Lanes<T>> Arithmetic<T, I> {
    #[inline(always)]
    pub(super) fn new(isa: I) -> Self {
        Arithmetic { isa, element: PhantomData }
    }

    #[inline(always)]
    pub(super) fn zero(self) -> Of<T, I> {
        let zero = self.isa.splat(T::default());
        Complex { re: zero, im: zero }
    }

    /// # Safety
    /// Both parts of the element are readable.
    #[inline(always)]
    pub(super) unsafe fn load(self, from: impl Source<T>, e: usize) -> Of<T, I> {
        // SAFETY: vouched for by the caller.
        unsafe { from.load(self.isa, e) }
    }

    /// # Safety
    /// Both parts of the element are writable.
    #[inline(always)]
    pub(super) unsafe fn store(self, to: Elements<T>, e: usize, value: Of<T, I>) {
        let Elements { re, im, .. } = to.from(e);
        // SAFETY: vouched for by the caller.
        unsafe {
            self.isa.store(re, value.re);
            self.isa.store(im, value.im);
        }
    }

    #[inline(always)]
    pub(super) fn add(self, a: Of<T, I>, b: Of<T, I>) -> Of<T, I> {
        Complex { re: self.isa.add(a.re, b.re), im: self.isa.add(a.im, b.im) }
    }

    #[inline(always)]
    pub(super) fn sub(self, a: Of<T, I>, b: Of<T, I>) -> Of<T, I> {
        Complex { re: self.isa.sub(a.re, b.re), im: self.isa.sub(a.im, b.im) }
    }

    /// `a - i b`
    #[inline(always)]
    fn add_turned(self, a: Of<T, I>, b: Of<T, I>) -> Of<T, I> {
        Complex { re: self.isa.add(a.re, b.im), im: self.isa.sub(a.im, b.re) }
    }

    /// `a + i b`
    #[inline(always)]
    fn sub_turned(self, a: Of<T, I>, b: Of<T, I>) -> Of<T, I> {
        Complex { re: self.isa.sub(a.re, b.im), im: self.isa.add(a.im, b.re) }
    }

    #[inline(always)]
    pub(super) fn mul(self, a: Of<T, I>, b: Of<T, I>) -> Of<T, I> {
        let isa = self.isa;
        Complex {
            re: isa.mul_sub(a.re, b.re, isa.mul(a.im, b.im)),
            im: isa.mul_add(a.re, b.im, isa.mul(a.im, b.re)),
        }
    }

    /// `sum + a * b`
    #[inline(always)]
    pub(super) fn mul_add(self, a: Of<T, I>, b: Of<T, I>, sum: Of<T, I>) -> Of<T, I> {
        let isa = self.isa;
        Complex {
            re: isa.neg_mul_add(a.im, b.im, isa.mul_add(a.re, b.re, sum.re)),
            im: isa.mul_add(a.im, b.re, isa.mul_add(a.re, b.im, sum.im)),
        }
    }

    /// The forward transform of `R` numbers, in order.
    #[inline(always)]
    pub(super) fn butterfly<const R: usize>(self, a: &mut [Of<T, I>; R]) {
        match R {
            2 => (a[0], a[1]) = (self.add(a[0], a[1]), self.sub(a[0], a[1])),
            4 => [a[0], a[1], a[2], a[3]] = self.of_four([a[0], a[1], a[2], a[3]]),
            8 => self.of_eight(a),
            _ => {}
        }
    }

    #[inline(always)]
    fn of_four(self, [a, b, c, d]: [Of<T, I>; 4]) -> [Of<T, I>; 4] {
        let (even, odd) = (self.add(a, c), self.add(b, d));
        let (even_turned, odd_turned) = (self.sub(a, c), self.sub(b, d));
        [
            self.add(even, odd),
            self.add_turned(even_turned, odd_turned),
            self.sub(even, odd),
            self.sub_turned(even_turned, odd_turned),
        ]
    }

    /// Two transforms of four, of the sums and of the differences of numbers four apart; the latter are turned by
    /// eighths first: by a quarter with an exchange of parts, by one and three eighths with a factor of sqrt(1/2) that
    /// is left to the multiply-adds at the end.
    #[inline(always)]
    fn of_eight<const R: usize>(self, a: &mut [Of<T, I>; R]) {
        let isa = self.isa;
        let [s0, s1] = [self.add(a[0], a[4]), self.add(a[1], a[5])];
        let [s2, s3] = [self.add(a[2], a[6]), self.add(a[3], a[7])];
        let [d0, d1] = [self.sub(a[0], a[4]), self.sub(a[1], a[5])];
        let [d2, d3] = [self.sub(a[2], a[6]), self.sub(a[3], a[7])];
        [a[0], a[2], a[4], a[6]] = self.of_four([s0, s1, s2, s3]);
        let half = isa.splat(T::from_f64(core::f64::consts::FRAC_1_SQRT_2));
        let (plus, minus) = (self.add_turned(d0, d2), self.sub_turned(d0, d2));
        // sqrt(2) times d1 turned by an eighth, and d3 by three eighths, the latter with its imaginary part negated.
        let eighth = self.add_turned(d1, d1);
        let three = Complex { re: isa.sub(d3.im, d3.re), im: isa.add(d3.im, d3.re) };
        let odd = Complex { re: isa.add(eighth.re, three.re), im: isa.sub(eighth.im, three.im) };
        let turned = Complex { re: isa.sub(eighth.re, three.re), im: isa.add(eighth.im, three.im) };
        a[1] = Complex { re: isa.mul_add(odd.re, half, plus.re), im: isa.mul_add(odd.im, half, plus.im) };
        a[5] = Complex {
            re: isa.neg_mul_add(odd.re, half, plus.re),
            im: isa.neg_mul_add(odd.im, half, plus.im),
        };
        a[3] = Complex {
            re: isa.mul_add(turned.im, half, minus.re),
            im: isa.neg_mul_add(turned.re, half, minus.im),
        };
        a[7] = Complex {
            re: isa.neg_mul_add(turned.im, half, minus.re),
            im: isa.mul_add(turned.re, half, minus.im),
        };
    }
}
