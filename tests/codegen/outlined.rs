//! Fixture of the test of emitted code: one loop twice, the second time with its operation out of line, as happens
//! when an `#[inline(always)]` is lost.

use std::arch::x86_64::*;

#[unsafe(no_mangle)]
#[target_feature(enable = "avx2,fma")]
pub fn tight(sums: &mut [__m256; 4], factors: &[__m256]) {
    for &factor in factors {
        for sum in sums.iter_mut() {
            *sum = _mm256_fmadd_ps(factor, factor, *sum);
        }
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,fma")]
fn multiply_add(a: __m256, c: __m256) -> __m256 {
    _mm256_fmadd_ps(a, a, c)
}

#[unsafe(no_mangle)]
#[target_feature(enable = "avx2,fma")]
pub fn outlined(sums: &mut [__m256; 4], factors: &[__m256]) {
    for &factor in factors {
        for sum in sums.iter_mut() {
            *sum = multiply_add(factor, *sum);
        }
    }
}
