//! AVX-512 as one fixed set: F, VL, BW and DQ, with FMA. Tails use masks.

use core::arch::x86_64::*;

use super::Lanes;

x86_token! {
    Avx512, "avx512", registers: 32,
    features: ["avx512f", "avx512vl", "avx512bw", "avx512dq", "fma"]
}

macro_rules! lanes {
    ($element:ty, $vector:ty, $lanes:literal, $mask:ty, $splat:ident, $load:ident, $load_masked:ident, $load_over:ident,
     $store:ident, $store_masked:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident,
     $mul_sub:ident, $neg_mul_add:ident, $max:ident, $min:ident, $transpose:ident,
     $pattern:ident, $permute:ident, $shifts:ident, $permute_two:ident, $shift_known:ident, $blend:ident) => {
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
                unsafe { $load_masked(first_lanes::<$lanes>(count) as $mask, from) }
            }

            #[inline(always)]
            unsafe fn load_lanes(self, from: *const $element, lanes: u64, outside: $vector) -> $vector {
                // SAFETY: as in `load_part`.
                unsafe { $load_over(outside, lanes as $mask, from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $element, vector: $vector) {
                // SAFETY: as in `load`.
                unsafe { $store(to, vector) }
            }

            #[inline(always)]
            unsafe fn store_part(self, to: *mut $element, vector: $vector, count: usize) {
                // SAFETY: as in `load_part`.
                unsafe { $store_masked(to, first_lanes::<$lanes>(count) as $mask, vector) }
            }

            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $add(a, b) }
            }

            #[inline(always)]
            fn sub(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $sub(a, b) }
            }

            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $mul(a, b) }
            }

            #[inline(always)]
            fn mul_sub(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $mul_sub(a, b, c) }
            }

            #[inline(always)]
            fn neg_mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                // SAFETY: the token proves AVX-512.
                unsafe { $neg_mul_add(a, b, c) }
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
            fn shift_known(self, low: $vector, high: $vector, by: usize) -> $vector {
                debug_assert!(by <= $lanes);
                // SAFETY: the token proves AVX-512.
                unsafe { $shift_known(low, high, by) }
            }

            #[inline(always)]
            fn join_halves(self, low: $vector, high: $vector, count: usize) -> $vector {
                debug_assert!(2 * count <= $lanes);
                // A mask that is known would become a permutation, which takes longer.
                // SAFETY: the token proves AVX-512.
                unsafe { $blend(first_lanes::<$lanes>(count) as $mask, high, low) }
            }

            #[inline(always)]
            fn deinterleave(self, low: $vector, high: $vector) -> [$vector; 2] {
                // SAFETY: the token proves AVX-512; the tables have as many numbers.
                unsafe {
                    let [even, odd] = [$pattern(EVEN.as_ptr()), $pattern(ODD.as_ptr())];
                    [$permute_two(low, even, high), $permute_two(low, odd, high)]
                }
            }

            #[inline(always)]
            fn interleave(self, even: $vector, odd: $vector) -> [$vector; 2] {
                const LOW: [u32; $lanes] = alternating(0);
                const HIGH: [u32; $lanes] = alternating($lanes / 2);
                // SAFETY: the token proves AVX-512; the tables have as many numbers.
                unsafe {
                    let [low, high] = [$pattern(LOW.as_ptr()), $pattern(HIGH.as_ptr())];
                    [$permute_two(even, low, odd), $permute_two(even, high, odd)]
                }
            }

            #[inline(always)]
            unsafe fn transpose(self, from: *const $element, from_step: isize, to: *mut $element, to_step: isize) {
                // SAFETY: the caller vouches for the squares, the token proves the instructions.
                unsafe { $transpose(from, from_step, to, to_step) }
            }
        }
    };
}

/// The even and the odd places of two vectors.
const EVEN: [u32; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];
const ODD: [u32; 16] = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31];

/// Places of two vectors, by turns of the one and the other, from `first` on.
const fn alternating<const LANES: usize>(first: usize) -> [u32; LANES] {
    let mut places = [0; LANES];
    let mut at = 0;
    while at < LANES {
        places[at] = (first + at / 2 + at % 2 * LANES) as u32;
        at += 1;
    }
    places
}

/// A mask of the first `count` of `LANES` lanes.
#[inline(always)]
fn first_lanes<const LANES: usize>(count: usize) -> u32 {
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

/// Writes a shift by a number known when compiling. The compiler would make a permutation of two vectors of it, which
/// takes Zen 4 as long as four of these beside multiply-adds; hence the instruction itself.
macro_rules! shift_known {
    ($name:ident, $align:ident, $vector:ty, $instruction:literal, $($by:literal)+) => {
        #[target_feature(enable = "avx512f")]
        #[inline]
        fn $align<const BY: usize>(low: $vector, high: $vector) -> $vector {
            let shifted;
            // SAFETY: the instruction reads and writes these registers only.
            unsafe {
                core::arch::asm!(
                    concat!($instruction, " {to}, {high}, {low}, {by}"),
                    to = lateout(zmm_reg) shifted,
                    high = in(zmm_reg) high,
                    low = in(zmm_reg) low,
                    by = const BY,
                    options(pure, nomem, nostack, preserves_flags)
                )
            };
            shifted
        }

        /// # Safety
        /// The caller holds a token.
        #[inline(always)]
        unsafe fn $name(low: $vector, high: $vector, by: usize) -> $vector {
            // SAFETY: vouched for by the caller.
            unsafe {
                match by {
                    0 => low,
                    $($by => $align::<$by>(low, high),)+
                    _ => high,
                }
            }
        }
    };
}

shift_known!(shift_known_32, align_32, __m512, "valignd", 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
shift_known!(shift_known_64, align_64, __m512d, "valignq", 1 2 3 4 5 6 7);

/// Quarters of rows four apart side by side, which costs loads only; then pairs of elements, then pairs of pairs.
///
/// # Safety
/// The caller holds a token; both squares are valid and do not overlap.
#[inline(always)]
unsafe fn transpose_16x16(from: *const f32, from_step: isize, to: *mut f32, to_step: isize) {
    // SAFETY: elements of the squares.
    unsafe {
        for quarter in 0..4 {
            let mut rows = [_mm512_setzero_ps(); 4];
            for (r, row) in rows.iter_mut().enumerate() {
                let block = |i: isize| {
                    _mm_loadu_ps(from.offset((r as isize + 4 * i) * from_step).add(4 * quarter))
                };
                let blocks = _mm512_castps128_ps512(block(0));
                let blocks = _mm512_mask_broadcast_f32x4(blocks, 0x00f0, block(1));
                let blocks = _mm512_mask_broadcast_f32x4(blocks, 0x0f00, block(2));
                let blocks = _mm512_mask_broadcast_f32x4(blocks, 0xf000, block(3));
                *row = blocks;
            }
            let [a, b, c, d] = rows;
            let (ab_low, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let columns = [
                _mm512_shuffle_ps::<0x44>(ab_low, cd_low),
                _mm512_shuffle_ps::<0xee>(ab_low, cd_low),
                _mm512_shuffle_ps::<0x44>(ab_high, cd_high),
                _mm512_shuffle_ps::<0xee>(ab_high, cd_high),
            ];
            for (c, column) in columns.into_iter().enumerate() {
                _mm512_storeu_ps(to.offset((4 * quarter + c) as isize * to_step), column);
            }
        }
    }
}

/// Rows in registers.
///
/// # Safety
/// As for `transpose_16x16`.
#[inline(always)]
unsafe fn transpose_8x8(from: *const f64, from_step: isize, to: *mut f64, to_step: isize) {
    // SAFETY: elements of the squares.
    unsafe {
        let mut rows = [_mm512_setzero_pd(); 8];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = _mm512_loadu_pd(from.offset(r as isize * from_step));
        }
        for (c, column) in transposed_8x8(rows).into_iter().enumerate() {
            _mm512_storeu_pd(to.offset(c as isize * to_step), column);
        }
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
    f32, __m512, 16, __mmask16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_mask_loadu_ps, _mm512_storeu_ps,
    _mm512_mask_storeu_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_fmadd_ps, _mm512_fmsub_ps,
    _mm512_fnmadd_ps, _mm512_max_ps, _mm512_min_ps, transpose_16x16, pattern_32, _mm512_permutexvar_ps,
    shifts_32, _mm512_permutex2var_ps, shift_known_32, _mm512_mask_blend_ps
);
lanes!(
    f64, __m512d, 8, __mmask8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_maskz_loadu_pd, _mm512_mask_loadu_pd, _mm512_storeu_pd,
    _mm512_mask_storeu_pd, _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_fmsub_pd,
    _mm512_fnmadd_pd, _mm512_max_pd, _mm512_min_pd, transpose_8x8, pattern_64, _mm512_permutexvar_pd,
    shifts_64, _mm512_permutex2var_pd, shift_known_64, _mm512_mask_blend_pd
);
