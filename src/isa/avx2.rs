//! AVX2 with FMA. Tails use the masked moves of AVX.

use core::arch::x86_64::*;

use super::Lanes;

x86_token! { Avx2, "avx2", registers: 16, features: ["avx2", "fma"] }

/// 8 ones, then 8 zeros: a mask of the first `count` lanes starts at element `8 - count`.
static MASK_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
/// The same for 4 lanes of 64 bits.
static MASK_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

macro_rules! lanes {
    ($element:ty, $vector:ty, $lanes:literal, $masks:ident, $splat:ident, $load:ident, $load_masked:ident,
     $store:ident, $store_masked:ident, $add:ident, $mul_add:ident, $max:ident, $min:ident) => {
        impl Lanes<$element> for Avx2 {
            type Vector = $vector;
            const LANES: usize = $lanes;

            #[inline(always)]
            fn splat(self, value: $element) -> $vector {
                // SAFETY: the token proves AVX2.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $element) -> $vector {
                // SAFETY: the token proves AVX2; the caller vouches for the memory.
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn load_part(self, from: *const $element, count: usize) -> $vector {
                debug_assert!(count <= $lanes);
                // SAFETY: the token proves AVX2; `count <= LANES` keeps the mask inside its table; lanes off the
                // mask are not accessed, the caller vouches for the others.
                unsafe {
                    let mask = _mm256_loadu_si256($masks.as_ptr().add($lanes - count).cast());
                    $load_masked(from, mask)
                }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element, vector: $vector) {
                // SAFETY: as in `load`.
                unsafe { $store(to, vector) }
            }

            #[inline(always)]
            unsafe fn store_part(self, to: *mut $element, vector: $vector, count: usize) {
                debug_assert!(count <= $lanes);
                // SAFETY: as in `load_part`.
                unsafe {
                    let mask = _mm256_loadu_si256($masks.as_ptr().add($lanes - count).cast());
                    $store_masked(to, mask, vector)
                }
            }

            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX2.
                unsafe { $add(a, b) }
            }

            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves FMA.
                unsafe { $mul_add(a, b, c) }
            }

            #[inline(always)]
            fn at_least(self, vector: $vector, bound: $vector) -> $vector {
                // SAFETY: the token proves AVX2. The instruction returns its second operand for a NaN.
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

lanes!(
    f32, __m256, 8, MASK_32, _mm256_set1_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_storeu_ps,
    _mm256_maskstore_ps, _mm256_add_ps, _mm256_fmadd_ps, _mm256_max_ps, _mm256_min_ps
);
lanes!(
    f64, __m256d, 4, MASK_64, _mm256_set1_pd, _mm256_loadu_pd, _mm256_maskload_pd, _mm256_storeu_pd,
    _mm256_maskstore_pd, _mm256_add_pd, _mm256_fmadd_pd, _mm256_max_pd, _mm256_min_pd
);
