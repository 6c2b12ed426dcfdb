//! The most that the machine does: a loop of fused multiply-adds on registers and nothing else. Its speed, measured
//! between the samples of a case, says how much of the machine the case used, even while clock speeds move.

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::burst;

/// There is no loop for this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn burst(_isa: &str, _element: convolve::ElementType) -> Option<f64> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::*;
    use std::hint::black_box;
    use std::time::Instant;

    use convolve::ElementType;

    /// About 50 microseconds where two instructions start per cycle of 3 GHz.
    const ROUNDS: usize = 25_000;
    /// Independent sums: more than the latency (4 cycles) times the instructions started per cycle (2).
    const SUMS: usize = 12;

    macro_rules! fma_loop {
        ($name:ident, $feature:literal, $scalar:ty, $vector:ty, $splat:ident, $fma:ident) => {
            /// Runs the loop; returns the multiply-adds it made.
            #[target_feature(enable = $feature)]
            fn $name() -> f64 {
                let (factor, term) = (black_box($splat(0.5)), black_box($splat(1.0)));
                let mut sums = [factor; SUMS];
                for _ in 0..ROUNDS {
                    for sum in &mut sums {
                        *sum = $fma(*sum, factor, term);
                    }
                }
                black_box(sums);
                (ROUNDS * SUMS * size_of::<$vector>() / size_of::<$scalar>()) as f64
            }
        };
    }

    fma_loop!(avx2_f32, "avx2,fma", f32, __m256, _mm256_set1_ps, _mm256_fmadd_ps);
    fma_loop!(avx2_f64, "avx2,fma", f64, __m256d, _mm256_set1_pd, _mm256_fmadd_pd);
    fma_loop!(avx512_f32, "avx512f", f32, __m512, _mm512_set1_ps, _mm512_fmadd_ps);
    fma_loop!(avx512_f64, "avx512f", f64, __m512d, _mm512_set1_pd, _mm512_fmadd_pd);

    /// GFLOP/s of a burst of about 50 microseconds; `None` for instruction sets without a loop here.
    pub(crate) fn burst(isa: &str, element: ElementType) -> Option<f64> {
        let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let start = Instant::now();
        let multiply_adds = match (isa, element) {
            // SAFETY: the features were detected.
            ("avx2", ElementType::F32) if has_avx2 => unsafe { avx2_f32() },
            // SAFETY: as above.
            ("avx2", ElementType::F64) if has_avx2 => unsafe { avx2_f64() },
            // SAFETY: as above.
            ("avx512", ElementType::F32) if is_x86_feature_detected!("avx512f") => unsafe { avx512_f32() },
            // SAFETY: as above.
            ("avx512", ElementType::F64) if is_x86_feature_detected!("avx512f") => unsafe { avx512_f64() },
            _ => return None,
        };
        Some(2.0 * multiply_adds / start.elapsed().as_secs_f64() / 1e9)
    }
}
