//! One lane of plain arithmetic: what every machine has, and what index arithmetic can be checked on under an
//! interpreter.

use super::{Isa, Lanes, Microkernel};
use crate::element::Element;

/// Needs no proof.
#[derive(Clone, Copy)]
pub(crate) struct Scalar(());

// SAFETY: `run` enables no features.
unsafe impl Isa for Scalar {
    const NAME: &'static str = "scalar";
    const REGISTERS: usize = 16;
    const FUSED: bool = false;

    fn detect() -> Option<Self> {
        Some(Scalar(()))
    }

    #[inline(never)]
    fn run<T: Element, K: Microkernel<T>>(self, kernel: K) -> K::Output
    where
        Self: Lanes<T>,
    {
        kernel.run(self)
    }
}

impl<T: Element> Lanes<T> for Scalar {
    type Vector = T;
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(self, value: T) -> T {
        value
    }

    #[inline(always)]
    unsafe fn load(self, from: *const T) -> T {
        // SAFETY: the caller vouches for one element.
        unsafe { from.read() }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const T, count: usize) -> T {
        debug_assert!(count <= 1);
        // SAFETY: read only if the caller vouches for one element.
        if count == 0 { T::default() } else { unsafe { from.read() } }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T, vector: T) {
        // SAFETY: the caller vouches for one element.
        unsafe { to.write(vector) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut T, vector: T, count: usize) {
        debug_assert!(count <= 1);
        if count == 1 {
            // SAFETY: the caller vouches for one element.
            unsafe { to.write(vector) }
        }
    }

    #[inline(always)]
    fn add(self, a: T, b: T) -> T {
        a + b
    }

    #[inline(always)]
    fn mul_add(self, a: T, b: T, c: T) -> T {
        // Two roundings: `f32::mul_add` is a library call where the machine has no fused instruction.
        a * b + c
    }

    #[inline(always)]
    fn at_least(self, vector: T, bound: T) -> T {
        if vector < bound { bound } else { vector }
    }

    #[inline(always)]
    fn at_most(self, vector: T, bound: T) -> T {
        if vector > bound { bound } else { vector }
    }
}
