//! Vectors in `f64`, term after term in one slice.

/// Whole multiples up to this make a row worth keeping as such.
const WHOLE: f64 = 4096.0;

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn euclidean(values: &[f64]) -> f64 {
    dot(values, values).sqrt()
}

/// The largest power of two that is not above a finite value.
pub(super) fn power_of_two(value: f64) -> f64 {
    f64::from_bits(value.to_bits() & f64::INFINITY.to_bits())
}

/// The number whose whole multiples all values are, if the multiples are small; else a power of two near the largest.
pub(super) fn common_divisor(values: &[f64]) -> f64 {
    let most = values.iter().fold(0.0f64, |most, value| value.abs().max(most));
    let mut divisor = most;
    for value in values {
        let mut rest = value.abs();
        // Euclid's algorithm: remainders are exact.
        while rest > 0.0 {
            (divisor, rest) = (rest, divisor % rest);
            if divisor * WHOLE < most {
                return power_of_two(most);
            }
        }
    }
    divisor
}

/// Gram and Schmidt, each row twice, which suffices (Giraud, Langou and Rozloznik 2005).
pub(super) fn orthonormalize(rows: &mut [f64], columns: usize, terms: usize) {
    for term in 0..terms {
        let (before, row) = rows.split_at_mut(term * columns);
        let row = &mut row[..columns];
        for before in before.chunks_exact(columns).chain(before.chunks_exact(columns)) {
            let along = dot(row, before);
            row.iter_mut().zip(before).for_each(|(value, before)| *value -= along * before);
        }
        let norm = euclidean(row);
        row.iter_mut().for_each(|value| *value /= norm);
    }
}

/// Rotates terms in pairs, which does not change their sum, until the columns are orthogonal.
pub(super) fn rotate([columns, rows]: [&mut [f64]; 2], dims: [usize; 2], terms: usize) {
    const SWEEPS: usize = 30;
    for _ in 0..SWEEPS {
        let mut is_done = true;
        for p in 0..terms {
            for q in p + 1..terms {
                let [a, b] = [p, q].map(|term| &columns[term * dims[0]..][..dims[0]]);
                let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
                if ab.abs() <= f64::EPSILON * (aa * bb).sqrt() {
                    continue;
                }
                is_done = false;
                let zeta = (bb - aa) / (2.0 * ab);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                turn(columns, dims[0], [p, q], [cosine, cosine * tangent]);
                turn(rows, dims[1], [p, q], [cosine, cosine * tangent]);
            }
        }
        if is_done {
            return;
        }
    }
}

fn turn(values: &mut [f64], len: usize, [p, q]: [usize; 2], [cosine, sine]: [f64; 2]) {
    let (before, after) = values.split_at_mut(q * len);
    for (a, b) in before[p * len..][..len].iter_mut().zip(&mut after[..len]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}
