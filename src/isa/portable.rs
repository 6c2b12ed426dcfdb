//! 128-bit vectors through the `wide` crate: SSE2, NEON or wasm simd128, as the target has. Always available.

use wide::{f32x4, f64x2};

use super::{Isa, Lanes, Microkernel};

/// Needs no proof: `wide` uses what the build target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable(());

// SAFETY: `run` enables no features.
unsafe impl Isa for Portable {
    const NAME: &'static str = "portable";
    const REGISTERS: usize = 16;
    const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

    fn detect() -> Option<Self> {
        Some(Portable(()))
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
    ($element:ty, $vector:ident, $lanes:literal) => {
        impl Lanes<$element> for Portable {
            type Vector = $vector;
            type Pattern = [u32; $lanes];
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(self, value: $element) -> $vector {
                $vector::splat(value)
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $element) -> $vector {
                // SAFETY: the caller vouches for `LANES` elements; an array needs no more alignment than they.
                $vector::from(unsafe { from.cast::<[$element; $lanes]>().read() })
            }

            #[inline(always)]
            unsafe fn load_part(self, from: *const $element, count: usize) -> $vector {
                debug_assert!(count <= $lanes);
                let mut lanes = [0.0; $lanes];
                for (i, lane) in lanes.iter_mut().enumerate() {
                    // A loop as long as `count` would become a call.
                    if i < count {
                        // SAFETY: the caller vouches for `count` elements.
                        *lane = unsafe { from.add(i).read() };
                    }
                }
                $vector::from(lanes)
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element, vector: $vector) {
                // SAFETY: as in `load`.
                unsafe { to.cast::<[$element; $lanes]>().write(vector.to_array()) }
            }

            #[inline(always)]
            unsafe fn store_part(self, to: *mut $element, vector: $vector, count: usize) {
                debug_assert!(count <= $lanes);
                for (i, lane) in vector.to_array().into_iter().enumerate().take(count) {
                    // SAFETY: the caller vouches for `count` elements.
                    unsafe { to.add(i).write(lane) };
                }
            }

            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                a + b
            }

            #[inline(always)]
            fn sub(self, a: $vector, b: $vector) -> $vector {
                a - b
            }

            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                a * b
            }

            #[inline(always)]
            fn mul_sub(self, a: $vector, b: $vector, c: $vector) -> $vector {
                a.mul_sub(b, c)
            }

            #[inline(always)]
            fn neg_mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                a.mul_neg_add(b, c)
            }

            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                a.mul_add(b, c)
            }

            #[inline(always)]
            fn at_least(self, vector: $vector, bound: $vector) -> $vector {
                vector.simd_lt(bound).bitselect(bound, vector)
            }

            #[inline(always)]
            fn at_most(self, vector: $vector, bound: $vector) -> $vector {
                vector.simd_gt(bound).bitselect(bound, vector)
            }

            #[inline(always)]
            fn join_halves(self, low: $vector, high: $vector, count: usize) -> $vector {
                debug_assert!(2 * count <= $lanes);
                let (low, mut lanes) = (low.to_array(), high.to_array());
                lanes[..$lanes / 2].copy_from_slice(&low[..$lanes / 2]);
                $vector::from(lanes)
            }

            #[inline(always)]
            unsafe fn pattern(self, lanes: *const u32) -> [u32; $lanes] {
                // SAFETY: the caller vouches for the numbers.
                unsafe { lanes.cast::<[u32; $lanes]>().read() }
            }

            #[inline(always)]
            fn permute(self, vector: $vector, pattern: [u32; $lanes]) -> $vector {
                let lanes = vector.to_array();
                $vector::from(pattern.map(|lane| lanes[lane as usize % $lanes]))
            }
        }
    };
}

lanes!(f32, f32x4, 4);
lanes!(f64, f64x2, 2);
