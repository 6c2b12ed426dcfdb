//! AVX-512 as one fixed set: F, VL, BW and DQ, with FMA. Tails use masks.

use core::arch::x86_64::*;

use super::Lanes;

x86_token! {
    Avx512, "avx512", registers: 32,
    features: ["avx512f", "avx512vl", "avx512bw", "avx512dq", "fma"]
}

macro_rules! lanes {
    ($element:ty, $vector:ty, $lanes:literal, $mask:ty, $splat:ident, $load:ident, $load_masked:ident,
     $store:ident, $store_masked:ident, $add:ident, $mul_add:ident, $max:ident, $min:ident) => {
        impl Lanes<$element> for Avx512 {
            type Vector = $vector;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(self, value: $element) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $element) -> $vector {
                // SAFETY: the token proves AVX-512; the caller vouches for the memory.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn load_part(self, from: *const $element, count: usize) -> $vector {
                // SAFETY: the token proves AVX-512; lanes off the mask are not accessed, the caller vouches for
                // the others.
                unsafe { $load_masked(first::<$lanes>(count) as $mask, from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element, vector: $vector) {
                // SAFETY: as in `load`.
                unsafe { $store(to, vector) }
            }

            #[inline(always)]
            unsafe fn store_part(self, to: *mut $element, vector: $vector, count: usize) {
                // SAFETY: as in `load_part`.
                unsafe { $store_masked(to, first::<$lanes>(count) as $mask, vector) }
            }

            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $add(a, b) }
            }

            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $mul_add(a, b, c) }
            }

            #[inline(always)]
            fn at_least(self, vector: $vector, bound: $vector) -> $vector {
                // SAFETY: the token proves AVX-512. The instruction returns its second operand for a NaN.
                unsafe { $max(bound, vector) }
            }

            #[inline(always)]
            fn at_most(self, vector: $vector, bound: $vector) -> $vector {
                // SAFETY: as in `at_least`.
                unsafe { $min(bound, vector) }
            }
        }
    };
}

/// A mask of the first `count` of `LANES` lanes.
#[inline(always)]
fn first<const LANES: usize>(count: usize) -> u32 {
    debug_assert!(count <= LANES);
    (1u32 << count) - 1
}

lanes!(
    f32, __m512, 16, __mmask16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_storeu_ps,
    _mm512_mask_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_max_ps, _mm512_min_ps
);
lanes!(
    f64, __m512d, 8, __mmask8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_maskz_loadu_pd, _mm512_storeu_pd,
    _mm512_mask_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd, _mm512_max_pd, _mm512_min_pd
);
