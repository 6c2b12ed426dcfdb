//! Loops of the FFT strategy: products of spectra, and the way of finished rows to the output.

use super::Vouched;
use super::finish::{Finish, Staging, Target};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// `sums = sums + inputs * kernel`, complex, real and imaginary parts side by side. Written over plain values: the
/// compiler vectorises it with the instruction set that it is compiled for.
#[cfg(feature = "fft")]
pub(crate) struct SpectrumProduct<'a, T> {
    pub(crate) sums: &'a mut [T],
    pub(crate) inputs: &'a [T],
    pub(crate) kernel: &'a [T],
    /// Whether these are the first products; the old sums are then not read.
    pub(crate) is_first: bool,
}

#[cfg(feature = "fft")]
impl<T: Element> Microkernel<T> for SpectrumProduct<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, _isa: I) {
        let factors = self.inputs.chunks_exact(2).zip(self.kernel.chunks_exact(2));
        for (sum, (x, h)) in self.sums.chunks_exact_mut(2).zip(factors) {
            let re = x[0] * h[0] - x[1] * h[1];
            let im = x[0] * h[1] + x[1] * h[0];
            if self.is_first {
                (sum[0], sum[1]) = (re, im);
            } else {
                (sum[0], sum[1]) = (sum[0] + re, sum[1] + im);
            }
        }
    }
}

/// Finishes a row of sums and writes it to the output.
///
/// # Safety
/// Whoever makes it vouches that `output + i * step` is readable and writable for every sum `i`.
pub(crate) struct FinishRow<'a, T> {
    pub(crate) sums: &'a [T],
    pub(crate) bias: T,
    pub(crate) output: *mut T,
    pub(crate) step: isize,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for FinishRow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let bias = isa.splat(self.bias);
        for (i, row) in self.sums.chunks(I::LANES).enumerate() {
            // SAFETY: `row` has as many values as are loaded, and the maker vouches for the output.
            unsafe {
                let first = self.output.offset((i * I::LANES) as isize * self.step);
                let target = Target { first, row_step: 0, step: self.step, rows: 1, columns: row.len() };
                let mut staging = Staging::new();
                let (to, row_step) = staging.begin(&target, I::LANES, self.finish.accumulates());
                let mut sums = [[isa.add(isa.load_part(row.as_ptr(), row.len()), bias)]];
                if self.finish.accumulates() {
                    self.finish.add_old(isa, &mut sums, to, row_step);
                }
                self.finish.write(isa, &mut sums, to, row_step);
                staging.end(&target, I::LANES);
            }
        }
    }
}
