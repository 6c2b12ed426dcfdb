//! Products of spectra, summed over input channels: for each element a matrix product of complex vectors, in register
//! tiles of several pairs of tiles by several output channels.

use super::super::HotLoop;
use super::arithmetic::{Arithmetic, Complex, Elements};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Pairs and outputs of a register tile: two registers for each sum, two for each output's factor and two for an input.
pub(crate) const fn tile(registers: usize) -> usize {
    if registers >= 32 { 3 } else { 2 }
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    // Four multiplications for each complex product. Of 16 registers all are taken, and without fused multiply-adds,
    // whose products need places of their own, two vectors are kept on the stack.
    if registers < 32 {
        return Vec::new();
    }
    vec![HotLoop { microkernel: "SpectrumTile", multiply_adds: 4 * tile(registers) * tile(registers) }]
}

/// `sums[pair][output] = sum over inputs of spectra[pair][input] * kernel[output][input]`, for every element.
///
/// Let t be [`tile`]. Pairs and outputs are dealt in blocks of t; a block of fewer pairs comes last, and outputs are
/// filled up with any values. In units of elements, two vectors each,
/// * pair `t b + i`, input `c`, element `e` of the spectra is at `e * inputs * pairs + t b * inputs + c * block + i`,
///   where `block` is t or what is left of the pairs;
/// * output `t b + i`, input `c`, element `e` of the kernel is at `((e * blocks + b) * inputs + c) * t + i`, where
///   `blocks` is `outputs / t` rounded up;
/// * pair `p`, output `o`, element `e` of the sums is at `(p * outputs + o) * pitch + e`.
///
/// # Safety
/// Whoever makes it vouches that spectra and kernel are readable and sums writable so, and that they do not meet.
pub(crate) struct SpectrumTile<T> {
    pub(crate) spectra: *const T,
    pub(crate) kernel: *const T,
    pub(crate) sums: *mut T,
    pub(crate) elements: usize,
    pub(crate) pairs: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) pitch: usize,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for SpectrumTile<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let ops = Arithmetic::new(isa);
        // SAFETY: what the maker vouches for.
        unsafe {
            if I::REGISTERS >= 32 {
                self.elements::<I, 3>(ops);
            } else {
                self.elements::<I, 2>(ops);
            }
        }
    }
}

impl<T: Element> SpectrumTile<T> {
    /// # Safety
    /// As the maker vouches, with tiles of `TILE`.
    #[inline(always)]
    unsafe fn elements<I: Lanes<T>, const TILE: usize>(&self, ops: Arithmetic<T, I>) {
        let blocks = self.outputs.div_ceil(TILE);
        for e in 0..self.elements {
            for block in 0..blocks {
                for first in (0..self.pairs).step_by(TILE) {
                    let place = [e, first, block];
                    // SAFETY: as the maker vouches.
                    unsafe {
                        match self.pairs - first {
                            1 => self.tile::<I, 1, TILE>(ops, place),
                            2 => self.tile::<I, 2, TILE>(ops, place),
                            _ => self.tile::<I, TILE, TILE>(ops, place),
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// As the maker vouches; the place is an element, the first of `PAIRS` pairs, and a block of outputs.
    #[inline(always)]
    unsafe fn tile<I: Lanes<T>, const PAIRS: usize, const OUTPUTS: usize>(
        &self,
        ops: Arithmetic<T, I>,
        [e, first, block]: [usize; 3],
    ) {
        let unit = 2 * I::LANES;
        let blocks = self.outputs.div_ceil(OUTPUTS);
        let mut sums = [[ops.zero(); OUTPUTS]; PAIRS];
        let mut x = self.spectra.wrapping_add((e * self.pairs + first) * self.inputs * unit);
        let mut h = self.kernel.wrapping_add((e * blocks + block) * self.inputs * OUTPUTS * unit);
        for _ in 0..self.inputs {
            let [inputs, factors] = [x, h].map(|at| Elements::packed(ops.isa, at.cast_mut()));
            let mut kernel = [ops.zero(); OUTPUTS];
            for (o, value) in kernel.iter_mut().enumerate() {
                // SAFETY: as the maker vouches.
                *value = unsafe { ops.load(factors, o) };
            }
            for (p, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as the maker vouches.
                let input = unsafe { ops.load(inputs, p) };
                for (sum, &factor) in sums.iter_mut().zip(&kernel) {
                    *sum = ops.mul_add(input, factor, *sum);
                }
            }
            x = x.wrapping_add(PAIRS * unit);
            h = h.wrapping_add(OUTPUTS * unit);
        }
        for (p, sums) in sums.iter().enumerate() {
            for (o, &sum) in sums.iter().enumerate() {
                let output = block * OUTPUTS + o;
                if output < self.outputs {
                    let at = ((first + p) * self.outputs + output) * self.pitch + e;
                    let to = Elements::packed(ops.isa, self.sums.wrapping_add(at * unit));
                    // SAFETY: as the maker vouches.
                    unsafe { ops.store(to, 0, sum) };
                }
            }
        }
    }
}

/// Deals the elements of a spectrum out: element `e` of `from` goes to `to + e * step` elements.
///
/// # Safety
/// Whoever makes it vouches that so many elements, of two vectors each, are readable and writable there, and that the
/// two do not overlap.
pub(crate) struct DealElements<T> {
    pub(crate) from: *const T,
    pub(crate) to: *mut T,
    pub(crate) step: usize,
    pub(crate) elements: usize,
    /// Factors of the real and the imaginary parts.
    pub(crate) factors: [T; 2],
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for DealElements<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let ops = Arithmetic::<T, I>::new(isa);
        let from = Elements::packed(isa, self.from.cast_mut());
        let [re, im] = self.factors.map(|factor| isa.splat(factor));
        for e in 0..self.elements {
            let to = Elements::packed(isa, self.to.wrapping_add(e * self.step * 2 * I::LANES));
            // SAFETY: as the maker vouches.
            unsafe {
                let value = ops.load(from, e);
                let value = Complex { re: isa.mul(value.re, re), im: isa.mul(value.im, im) };
                ops.store(to, 0, value);
            }
        }
    }
}
