//! The middle of a transform: the last level forward, the product with the spectrum of the kernel, and the first level
//! back, on elements that stay in registers between them.

use super::Stage;
use super::arithmetic::{Arithmetic, Complex, Elements};
use crate::element::Element;
use crate::isa::Lanes;

/// Groups of `R` neighbouring elements.
pub(super) struct Middle<T> {
    pub(super) from: Elements<T>,
    pub(super) to: Elements<T>,
    /// The spectrum of the kernel, packed in the order of the elements; read for [`Stage::Convolve`] only.
    pub(super) kernel: *const T,
    pub(super) len: usize,
}

impl<T: Element> Middle<T> {
    /// With butterflies of `radix`; 1 means none.
    ///
    /// # Safety
    /// `len` elements, a multiple of the radix, are readable at `from` and writable at `to`; as many are readable at
    /// `kernel` if they are multiplied.
    #[inline(always)]
    pub(super) unsafe fn run<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, radix: usize, stage: Stage) {
        // SAFETY: vouched for by the caller.
        unsafe {
            match radix {
                8 => self.with_radix::<I, 8>(ops, stage),
                4 => self.with_radix::<I, 4>(ops, stage),
                2 => self.with_radix::<I, 2>(ops, stage),
                _ => self.with_radix::<I, 1>(ops, stage),
            }
        }
    }

    /// # Safety
    /// As for `run`.
    #[inline(always)]
    unsafe fn with_radix<I: Lanes<T>, const R: usize>(&self, ops: Arithmetic<T, I>, stage: Stage) {
        let kernel = Elements::packed(ops.isa, self.kernel.cast_mut());
        for first in (0..self.len).step_by(R) {
            // SAFETY: elements first to first + R - 1.
            unsafe {
                let mut a = [ops.zero(); R];
                for (k, a) in a.iter_mut().enumerate() {
                    *a = ops.load(self.from, first + k);
                }
                if stage != Stage::Back {
                    ops.butterfly(&mut a);
                }
                if stage == Stage::Convolve {
                    for (k, a) in a.iter_mut().enumerate() {
                        *a = ops.mul(*a, ops.load(kernel, first + k));
                    }
                }
                if stage != Stage::Forward {
                    exchange(&mut a);
                    ops.butterfly(&mut a);
                    exchange(&mut a);
                }
                for (k, &a) in a.iter().enumerate() {
                    ops.store(self.to, first + k, a);
                }
            }
        }
    }
}

#[inline(always)]
fn exchange<V: Copy, const R: usize>(a: &mut [Complex<V>; R]) {
    for a in a {
        *a = a.exchanged();
    }
}
