//! AVX-512 as one fixed set: F, VL, BW and DQ, with FMA. Tails use masks.

use core::arch::x86_64::*;

use super::Lanes;

x86_token! {
    Avx512, "avx512", registers: 32,
    features: ["avx512f", "avx512vl", "avx512bw", "avx512dq", "fma"]
}

macro_rules! lanes {
    ($element:ty, $vector:ty, $lanes:literal, $mask:ty, $splat:ident, $load:ident, $load_masked:ident,
     $store:ident, $store_masked:ident, $add:ident, $mul_add:ident, $max:ident, $min:ident, $transpose:ident,
     $pattern:ident, $permute:ident, $shifts:ident, $permute_two:ident) => {
        impl Lanes<$element> for Avx512 {
            type Vector = $vector;
            type Pattern = __m512i;
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

            #[inline(always)]
            unsafe fn pattern(self, lanes: *const u32) -> __m512i {
                // SAFETY: the token proves AVX-512; the caller vouches for the numbers.
                unsafe { $pattern(lanes) }
            }

            #[inline(always)]
            fn permute(self, vector: $vector, pattern: __m512i) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $permute(pattern, vector) }
            }

            const SHIFTS: bool = true;

            #[inline(always)]
            fn shift(self, low: $vector, high: $vector, by: usize) -> $vector {
                debug_assert!(by <= $lanes);
                // SAFETY: the token proves AVX-512.
                unsafe { $permute_two(low, $shifts(by), high) }
            }

            #[inline(always)]
            unsafe fn transpose(self, from: *const $element, from_step: isize, to: *mut $element, to_step: isize) {
                let mut rows = [self.splat(0.0 as $element); $lanes];
                for (r, row) in rows.iter_mut().enumerate() {
                    // SAFETY: the caller vouches for the square.
                    *row = unsafe { self.load(from.offset(r as isize * from_step)) };
                }
                // SAFETY: the token proves AVX-512.
                let columns = unsafe { $transpose(rows) };
                for (c, &column) in columns.iter().enumerate() {
                    // SAFETY: the caller vouches for the square.
                    unsafe { self.store(to.offset(c as isize * to_step), column) };
                }
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

/// # Safety
/// The caller holds a token; 16 numbers are readable.
#[inline(always)]
unsafe fn pattern_32(lanes: *const u32) -> __m512i {
    // SAFETY: vouched for by the caller.
    unsafe { _mm512_loadu_si512(lanes.cast()) }
}

/// # Safety
/// The caller holds a token; 8 numbers are readable.
#[inline(always)]
unsafe fn pattern_64(lanes: *const u32) -> __m512i {
    // SAFETY: vouched for by the caller.
    unsafe { _mm512_cvtepu32_epi64(_mm256_loadu_si256(lanes.cast())) }
}

/// For each lane, the one `by` lanes on.
///
/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn shifts_32(by: usize) -> __m512i {
    // SAFETY: vouched for by the caller.
    unsafe {
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        _mm512_add_epi32(lanes, _mm512_set1_epi32(by as i32))
    }
}

/// For each lane, the one `by` lanes on.
///
/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn shifts_64(by: usize) -> __m512i {
    // SAFETY: vouched for by the caller.
    unsafe { _mm512_add_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64(by as i64)) }
}

/// First pairs of elements, then pairs of pairs within 128 bits, then blocks of 128 bits.
#[inline(always)]
unsafe fn transposed_16x16(rows: [__m512; 16]) -> [__m512; 16] {
    // SAFETY: the caller holds a token.
    unsafe {
        let mut quads = [_mm512_setzero_ps(); 16];
        for i in 0..4 {
            let pair = |a: __m512, b: __m512| {
                [_mm512_castps_pd(_mm512_unpacklo_ps(a, b)), _mm512_castps_pd(_mm512_unpackhi_ps(a, b))]
            };
            let [ab_low, ab_high] = pair(rows[4 * i], rows[4 * i + 1]);
            let [cd_low, cd_high] = pair(rows[4 * i + 2], rows[4 * i + 3]);
            quads[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_low, cd_low));
            quads[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_low, cd_low));
            quads[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high));
            quads[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high));
        }
        let mut columns = rows;
        for j in 0..4 {
            let ab_even = _mm512_shuffle_f32x4::<0x88>(quads[j], quads[4 + j]);
            let ab_odd = _mm512_shuffle_f32x4::<0xdd>(quads[j], quads[4 + j]);
            let cd_even = _mm512_shuffle_f32x4::<0x88>(quads[8 + j], quads[12 + j]);
            let cd_odd = _mm512_shuffle_f32x4::<0xdd>(quads[8 + j], quads[12 + j]);
            columns[j] = _mm512_shuffle_f32x4::<0x88>(ab_even, cd_even);
            columns[8 + j] = _mm512_shuffle_f32x4::<0xdd>(ab_even, cd_even);
            columns[4 + j] = _mm512_shuffle_f32x4::<0x88>(ab_odd, cd_odd);
            columns[12 + j] = _mm512_shuffle_f32x4::<0xdd>(ab_odd, cd_odd);
        }
        columns
    }
}

/// First pairs of elements, then blocks of 128 bits.
#[inline(always)]
unsafe fn transposed_8x8(rows: [__m512d; 8]) -> [__m512d; 8] {
    // SAFETY: the caller holds a token.
    unsafe {
        let mut columns = rows;
        for odd in 0..2 {
            let mut pairs = [_mm512_setzero_pd(); 4];
            for (i, pair) in pairs.iter_mut().enumerate() {
                let (a, b) = (rows[2 * i], rows[2 * i + 1]);
                *pair = if odd == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) };
            }
            let [ab, cd, ef, gh] = pairs;
            let (ab_even, ab_odd) = (_mm512_shuffle_f64x2::<0x88>(ab, cd), _mm512_shuffle_f64x2::<0xdd>(ab, cd));
            let (ef_even, ef_odd) = (_mm512_shuffle_f64x2::<0x88>(ef, gh), _mm512_shuffle_f64x2::<0xdd>(ef, gh));
            columns[odd] = _mm512_shuffle_f64x2::<0x88>(ab_even, ef_even);
            columns[2 + odd] = _mm512_shuffle_f64x2::<0x88>(ab_odd, ef_odd);
            columns[4 + odd] = _mm512_shuffle_f64x2::<0xdd>(ab_even, ef_even);
            columns[6 + odd] = _mm512_shuffle_f64x2::<0xdd>(ab_odd, ef_odd);
        }
        columns
    }
}

lanes!(
    f32, __m512, 16, __mmask16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_storeu_ps,
    _mm512_mask_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_max_ps, _mm512_min_ps, transposed_16x16,
    pattern_32, _mm512_permutexvar_ps, shifts_32, _mm512_permutex2var_ps
);
lanes!(
    f64, __m512d, 8, __mmask8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_maskz_loadu_pd, _mm512_storeu_pd,
    _mm512_mask_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd, _mm512_max_pd, _mm512_min_pd, transposed_8x8,
    pattern_64, _mm512_permutexvar_pd, shifts_64, _mm512_permutex2var_pd
);
