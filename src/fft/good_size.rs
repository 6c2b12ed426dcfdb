//! Transform lengths that rustfft is fast at: 2^a, 3 * 2^a and 9 * 2^a.

/// The odd parts in use, per power of two: 1, 9/8 and 3/2 of it.
const EIGHTHS: [usize; 3] = [8, 9, 12];

/// All good sizes from 8 up to what fits half of `usize`, in order.
pub(crate) fn good_sizes() -> impl Iterator<Item = usize> {
    (0..usize::BITS - 6).flat_map(|power| EIGHTHS.map(|eighths| eighths << power))
}

/// The smallest good size that is at least `len`; `None` where it does not fit.
pub(crate) fn good_size(len: usize) -> Option<usize> {
    let power = (len.max(8).ilog2() - 3).min(usize::BITS - 7);
    let next = [(power, 8), (power, 9), (power, 12), (power + 1, 8)];
    next.into_iter().map(|(power, eighths)| eighths << power).find(|&size| size >= len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_size_is_the_next_of_the_good_sizes() {
        let sizes: Vec<usize> = good_sizes().collect();
        assert!(sizes.is_sorted());
        for len in 0..5000 {
            assert_eq!(good_size(len), sizes.iter().copied().find(|&size| size >= len), "{len}");
        }
        assert_eq!(good_size(usize::MAX), None);
    }
}
