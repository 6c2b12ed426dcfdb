//! One lane of plain arithmetic: what every machine has, and what index arithmetic can be checked on under an
//! interpreter.

use super::{Isa, Lanes, Microkernel};

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
    fn run<T, K: Microkernel<T>>(self, kernel: K) -> K::Output
    where
        Self: Lanes<T>,
    {
        kernel.run(self)
    }
}

macro_rules! lanes {
    ($element:ty) => {
        impl Lanes<$element> for Scalar {
            type Vector = $element;
            type Pattern = ();
            const LANES: usize = 1;

            #[inline(always)]
            fn splat(self, value: $element) -> $element {
                value
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $element) -> $element {
                // SAFETY: the caller vouches for one element.
                unsafe { from.read() }
            }

            #[inline(always)]
            unsafe fn load_part(self, from: *const $element, count: usize) -> $element {
                debug_assert!(count <= 1);
                // SAFETY: read only if the caller vouches for one element.
                if count == 0 { 0.0 } else { unsafe { from.read() } }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element, vector: $element) {
                // SAFETY: the caller vouches for one element.
                unsafe { to.write(vector) }
            }

            #[inline(always)]
            unsafe fn store_part(self, to: *mut $element, vector: $element, count: usize) {
                debug_assert!(count <= 1);
                if count == 1 {
                    // SAFETY: the caller vouches for one element.
                    unsafe { to.write(vector) }
                }
            }

            #[inline(always)]
            fn add(self, a: $element, b: $element) -> $element {
                a + b
            }

            #[inline(always)]
            fn sub(self, a: $element, b: $element) -> $element {
                a - b
            }

            #[inline(always)]
            fn mul(self, a: $element, b: $element) -> $element {
                a * b
            }

            #[inline(always)]
            fn mul_sub(self, a: $element, b: $element, c: $element) -> $element {
                a * b - c
            }

            #[inline(always)]
            fn neg_mul_add(self, a: $element, b: $element, c: $element) -> $element {
                c - a * b
            }

            #[inline(always)]
            fn mul_add(self, a: $element, b: $element, c: $element) -> $element {
                // Two roundings: `f32::mul_add` is a library call where the machine has no fused instruction.
                a * b + c
            }

            #[inline(always)]
            fn at_least(self, vector: $element, bound: $element) -> $element {
                if vector < bound { bound } else { vector }
            }

            #[inline(always)]
            fn at_most(self, vector: $element, bound: $element) -> $element {
                if vector > bound { bound } else { vector }
            }

            #[inline(always)]
            // SAFETY: asks for nothing. One lane is always in its place, and nothing is read.
            unsafe fn pattern(self, _lanes: *const u32) {}

            #[inline(always)]
            fn join_halves(self, low: $element, _high: $element, _count: usize) -> $element {
                low
            }

            #[inline(always)]
            fn permute(self, vector: $element, (): ()) -> $element {
                vector
            }
        }
    };
}

lanes!(f32);
lanes!(f64);
