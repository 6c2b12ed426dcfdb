//! Which taps of a row share loads, and the order that this asks for.

use super::{FARTHEST_PAIRED, PAIRED, SHARED, SHARED_APART, VECTORS};
use crate::problem::gcd;

/// Which taps of a row share loads: of taps that are `step` values apart, each `period`-th is `vectors` whole vectors
/// further on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sharing {
    pub(super) step: usize,
    pub(super) period: usize,
    pub(super) vectors: usize,
}

impl Sharing {
    /// Of so many taps, if there is a loop for it: neighbours, and planes side by side of which a row takes one or three
    /// vectors to begin at the same lane again. Few taps share nothing, but follow each other at a known distance.
    pub(crate) fn of(taps: usize, step: usize, lanes: usize) -> Option<Self> {
        let common = gcd(step, lanes);
        let sharing = Sharing { step, period: lanes / common, vectors: step / common };
        (taps > 1 && matches!(sharing.vectors, 1 | 3)).then_some(sharing)
    }

    /// Another one for each order of taps.
    pub(crate) fn number(self) -> usize {
        4 * self.period + self.vectors
    }

    /// Most taps that share a load.
    pub(super) fn most(self) -> usize {
        if self.vectors == 1 { SHARED } else { SHARED_APART }
    }

    /// Loads for each tap of so many, in wide blocks; if the machine shifts, taps that share few are taken in pairs.
    pub(crate) fn loads(self, taps: usize, shifts: bool) -> f64 {
        let span = (self.most() * self.period).min(taps);
        let (whole, rest) = (span / self.period, span % self.period);
        let loads = |shared: usize| {
            let each = VECTORS + shared.saturating_sub(1) * self.vectors;
            let is_paired = shifts && shared <= PAIRED && self.step <= FARTHEST_PAIRED;
            if is_paired { (each + 1) as f64 / 2.0 } else { each as f64 }
        };
        let with_one_more = rest as f64 * loads(whole + 1);
        let others = if whole > 0 { (self.period - rest) as f64 * loads(whole) } else { 0.0 };
        (with_one_more + others) / (span * VECTORS) as f64
    }
}

/// The tap that stands at each place of the order in which taps are packed: those that share a load side by side.
pub(crate) fn order(taps: usize, sharing: Option<Sharing>) -> impl Iterator<Item = usize> {
    let period = sharing.map_or(taps, |sharing| sharing.period).max(1);
    let span = period.saturating_mul(sharing.map_or(1, Sharing::most));
    (0..taps).step_by(span).flat_map(move |start| {
        let end = taps.min(start.saturating_add(span));
        (start..end.min(start + period)).flat_map(move |first| (first..end).step_by(period))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_vectors_apart_loads_are_shared() {
        let sharing = |period, vectors, step| Some(Sharing { step, period, vectors });
        assert_eq!(Sharing::of(31, 1, 16), sharing(16, 1, 1));
        assert_eq!(Sharing::of(31, 3, 16), sharing(16, 3, 3));
        assert_eq!(Sharing::of(31, 4, 16), sharing(4, 1, 4));
        assert_eq!(Sharing::of(31, 5, 16), None, "five vectors");
        assert_eq!(Sharing::of(1, 1, 16), None, "one tap");
    }

    #[test]
    fn loads_are_those_of_the_loops() {
        let loads = |taps, step, shifts| Sharing::of(taps, step, 16).unwrap().loads(taps, shifts) * 8.0;
        assert_eq!(loads(10, 1, false), 8.0, "each its own");
        assert_eq!(loads(10, 1, true), 4.5, "nine vectors for a pair");
        assert_eq!(loads(32, 1, true), 2.5, "ten vectors for four");
        assert_eq!(loads(64, 1, true), 11.0 / 4.0, "eleven vectors for four, never in pairs");
        assert_eq!(loads(640, 1, true), 11.0 / 4.0, "no more than four");
        assert_eq!(loads(24, 1, false), (8.0 * 9.0 + 8.0 * 8.0) / 24.0, "the first eight share");
        assert_eq!(loads(32, 3, false), 11.0 / 2.0, "three vectors apart");
    }

    #[test]
    fn every_tap_is_taken_once_and_those_that_share_follow_each_other() {
        for step in 1..=6 {
            for lanes in [1, 2, 4, 8, 16] {
                for taps in 1..80 {
                    let sharing = Sharing::of(taps, step, lanes);
                    let mut taken: Vec<usize> = order(taps, sharing).collect();
                    if let Some(Sharing { period, vectors, .. }) = sharing {
                        assert_eq!(taken[1], period);
                        assert_eq!(period * step, vectors * lanes);
                    } else {
                        assert!(taken.is_sorted());
                    }
                    taken.sort_unstable();
                    assert!(taken.into_iter().eq(0..taps), "{taps} taps, {step} values apart, {lanes} lanes");
                }
            }
        }
    }
}
