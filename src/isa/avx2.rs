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
     $store:ident, $store_masked:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident,
     $mul_sub:ident, $neg_mul_add:ident, $max:ident, $min:ident, $transpose:ident, $deinterleave:ident,
     $pattern:ident, $permute:ident, $blend:ident, $as_mask:ident, $as_vector:ident, $join:expr) => {
        impl Lanes<$element> for Avx2 {
            type Vector = $vector;
            type Pattern = __m256i;
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
            unsafe fn load_lanes(self, from: *const $element, lanes: u64, outside: $vector) -> $vector {
                // SAFETY: as in `load_part`.
                unsafe {
                    let mask = $as_mask(lanes);
                    $blend(outside, $load_masked(from, mask), $as_vector(mask))
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
            fn sub(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX2.
                unsafe { $sub(a, b) }
            }

            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX2.
                unsafe { $mul(a, b) }
            }

            #[inline(always)]
            fn mul_sub(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves FMA.
                unsafe { $mul_sub(a, b, c) }
            }

            #[inline(always)]
            fn neg_mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves FMA.
                unsafe { $neg_mul_add(a, b, c) }
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

            #[inline(always)]
            unsafe fn pattern(self, lanes: *const u32) -> __m256i {
                // SAFETY: the token proves AVX2; the caller vouches for the numbers.
                unsafe { $pattern(lanes) }
            }

            #[inline(always)]
            fn permute(self, vector: $vector, pattern: __m256i) -> $vector {
                // SAFETY: the token proves AVX2.
                unsafe { $permute(vector, pattern) }
            }

            #[inline(always)]
            fn join_halves(self, low: $vector, high: $vector, count: usize) -> $vector {
                debug_assert!(2 * count <= $lanes);
                // SAFETY: the token proves AVX2.
                unsafe { $join(low, high) }
            }

            #[inline(always)]
            fn deinterleave(self, low: $vector, high: $vector) -> [$vector; 2] {
                // SAFETY: the token proves AVX2.
                unsafe { $deinterleave(low, high) }
            }

            #[inline(always)]
            unsafe fn transpose(self, from: *const $element, from_step: isize, to: *mut $element, to_step: isize) {
                // SAFETY: the caller vouches for the squares, the token proves the instructions.
                unsafe { $transpose(from, from_step, to, to_step) }
            }
        }
    };
}

/// # Safety
/// The caller holds a token; 8 numbers are readable.
#[inline(always)]
unsafe fn pattern_32(lanes: *const u32) -> __m256i {
    // SAFETY: vouched for by the caller.
    unsafe { _mm256_loadu_si256(lanes.cast()) }
}

/// Elements of 64 bits are permuted as pairs of halves: lane i is halves 2 i and 2 i + 1.
///
/// # Safety
/// The caller holds a token; 4 numbers are readable.
#[inline(always)]
unsafe fn pattern_64(lanes: *const u32) -> __m256i {
    // SAFETY: vouched for by the caller.
    unsafe {
        let low = _mm256_slli_epi64::<1>(_mm256_cvtepu32_epi64(_mm_loadu_si128(lanes.cast())));
        let high = _mm256_slli_epi64::<32>(_mm256_add_epi64(low, _mm256_set1_epi64x(1)));
        _mm256_or_si256(low, high)
    }
}

/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn permute_64(vector: __m256d, pattern: __m256i) -> __m256d {
    // SAFETY: vouched for by the caller.
    unsafe { _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(vector), pattern)) }
}

/// Halves of rows four apart side by side, which costs loads only; then pairs of elements, then pairs of pairs.
///
/// # Safety
/// The caller holds a token; both squares are valid and do not overlap.
#[inline(always)]
unsafe fn transpose_8x8(from: *const f32, from_step: isize, to: *mut f32, to_step: isize) {
    // SAFETY: elements of the squares.
    unsafe {
        for half in 0..2 {
            let mut rows = [_mm256_setzero_ps(); 4];
            for (r, row) in rows.iter_mut().enumerate() {
                let low = from.offset(r as isize * from_step).add(4 * half);
                let high = from.offset((r + 4) as isize * from_step).add(4 * half);
                *row = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high));
            }
            let [a, b, c, d] = rows;
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let columns = [
                _mm256_shuffle_ps::<0x44>(ab_low, cd_low),
                _mm256_shuffle_ps::<0xee>(ab_low, cd_low),
                _mm256_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm256_shuffle_ps::<0xee>(ab_high, cd_high),
            ];
            for (c, column) in columns.into_iter().enumerate() {
                _mm256_storeu_ps(to.offset((4 * half + c) as isize * to_step), column);
            }
        }
    }
}

/// Rows in registers: first pairs of elements, then halves.
///
/// # Safety
/// As for `transpose_8x8`.
#[inline(always)]
unsafe fn transpose_4x4(from: *const f64, from_step: isize, to: *mut f64, to_step: isize) {
    // SAFETY: elements of the squares.
    unsafe {
        let row = |r: isize| _mm256_loadu_pd(from.offset(r * from_step));
        let columns = transposed_4x4([row(0), row(1), row(2), row(3)]);
        for (c, column) in columns.into_iter().enumerate() {
            _mm256_storeu_pd(to.offset(c as isize * to_step), column);
        }
    }
}

/// All ones in those of 8 lanes whose bit is set, the lowest for the first.
///
/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn mask_32(lanes: u64) -> __m256i {
    // SAFETY: vouched for by the caller.
    unsafe {
        let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(lanes as i32), bits), bits)
    }
}

/// As `mask_32`, for 4 lanes.
///
/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn mask_64(lanes: u64) -> __m256i {
    // SAFETY: vouched for by the caller.
    unsafe {
        let bits = _mm256_setr_epi64x(1, 2, 4, 8);
        _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(lanes as i64), bits), bits)
    }
}

/// Even and odd elements within halves, which come out as quarters 0, 2, 1, 3.
///
/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn deinterleave_32(low: __m256, high: __m256) -> [__m256; 2] {
    // SAFETY: vouched for by the caller.
    unsafe {
        [_mm256_shuffle_ps::<0x88>(low, high), _mm256_shuffle_ps::<0xdd>(low, high)]
            .map(|quarters| _mm256_castpd_ps(_mm256_permute4x64_pd::<0xd8>(_mm256_castps_pd(quarters))))
    }
}

/// As `deinterleave_32`; a quarter is an element.
///
/// # Safety
/// The caller holds a token.
#[inline(always)]
unsafe fn deinterleave_64(low: __m256d, high: __m256d) -> [__m256d; 2] {
    // SAFETY: vouched for by the caller.
    unsafe {
        [_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high)]
            .map(|quarters| _mm256_permute4x64_pd::<0xd8>(quarters))
    }
}

/// First pairs of elements, then halves.
#[inline(always)]
unsafe fn transposed_4x4([a, b, c, d]: [__m256d; 4]) -> [__m256d; 4] {
    // SAFETY: the caller holds a token.
    unsafe {
        let (ab_low, ab_high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (cd_low, cd_high) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        [
            _mm256_permute2f128_pd::<0x20>(ab_low, cd_low),
            _mm256_permute2f128_pd::<0x20>(ab_high, cd_high),
            _mm256_permute2f128_pd::<0x31>(ab_low, cd_low),
            _mm256_permute2f128_pd::<0x31>(ab_high, cd_high),
        ]
    }
}

lanes!(
    f32, __m256, 8, MASK_32, _mm256_set1_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_storeu_ps,
    _mm256_maskstore_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_fmadd_ps, _mm256_fmsub_ps,
    _mm256_fnmadd_ps, _mm256_max_ps, _mm256_min_ps, transpose_8x8, deinterleave_32, pattern_32, _mm256_permutevar8x32_ps,
    _mm256_blendv_ps, mask_32, _mm256_castsi256_ps, _mm256_blend_ps::<0xf0>
);
lanes!(
    f64, __m256d, 4, MASK_64, _mm256_set1_pd, _mm256_loadu_pd, _mm256_maskload_pd, _mm256_storeu_pd,
    _mm256_maskstore_pd, _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_fmsub_pd,
    _mm256_fnmadd_pd, _mm256_max_pd, _mm256_min_pd, transpose_4x4, deinterleave_64, pattern_64, permute_64, _mm256_blendv_pd,
    mask_64, _mm256_castsi256_pd, _mm256_blend_pd::<0b1100>
);
