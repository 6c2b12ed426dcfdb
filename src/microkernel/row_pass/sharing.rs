//! Which taps of a row share loads, and the order that this asks for.

use super::{CACHE_LINE, FARTHEST_PAIRED, PAIRED, SHARED, SHARED_APART, VECTORS};
use crate::problem::gcd;

/// Which taps of a row share loads: of taps that are `step` values apart, each `period`-th is `vectors` whole vectors
/// further on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sharing {
    pub(super) step: usize,
    pub(super) period: usize,
    vectors: usize,
    /// Whether taps beside each other that share few loads are taken in pairs.
    has_pairs: bool,
}

impl Sharing {
    /// Of so many taps, if there is a loop for it: neighbours, and planes side by side of which a row takes one or three
    /// vectors to begin at the same lane again. Few taps share nothing, but follow each other at a known distance.
    /// Vectors as long as a cache line are shifted together in registers.
    pub(crate) fn of(taps: usize, step: usize, [lanes, size]: [usize; 2]) -> Option<Self> {
        let common = gcd(step, lanes);
        let has_pairs = lanes * size >= CACHE_LINE && step <= FARTHEST_PAIRED;
        let sharing = Sharing { step, period: lanes / common, vectors: step / common, has_pairs };
        (taps > 1 && matches!(sharing.vectors, 1 | 3)).then_some(sharing)
    }

    /// Another one for each order of so many taps; zero if none shares a load, and all stand one after the other.
    pub(crate) fn number(self, taps: usize) -> usize {
        if taps <= self.period {
            return 0;
        }
        8 * self.period + 2 * self.vectors + usize::from(self.has_pairs)
    }

    /// Vectors from a tap to the next that shares its loads.
    pub(super) fn apart(self) -> usize {
        self.vectors
    }

    /// Most taps that share a load.
    pub(super) fn most(self) -> usize {
        if self.vectors == 1 { SHARED } else { SHARED_APART }
    }

    /// Whether taps, so many of which share a load, are taken in pairs.
    pub(super) fn pairs(self, shared: usize) -> bool {
        self.has_pairs && shared <= PAIRED
    }

    /// Loads for each tap of so many, in wide blocks.
    pub(crate) fn loads(self, taps: usize) -> f64 {
        let span = (self.most() * self.period).min(taps);
        let (whole, rest) = (span / self.period, span % self.period);
        let loads = |shared: usize| {
            let each = VECTORS + shared.saturating_sub(1) * self.vectors;
            if self.pairs(shared) { (each + 1) as f64 / 2.0 } else { each as f64 }
        };
        let with_one_more = rest as f64 * loads(whole + 1);
        let others = if whole > 0 { (self.period - rest) as f64 * loads(whole) } else { 0.0 };
        (with_one_more + others) / (span * VECTORS) as f64
    }
}

/// The tap that stands at each place of the order in which taps are packed: those that share loads side by side, of one
/// tap or of a pair.
pub(crate) fn order(taps: usize, sharing: Option<Sharing>) -> impl Iterator<Item = usize> {
    let period = sharing.map_or(taps, |sharing| sharing.period).max(1);
    let span = period.saturating_mul(sharing.map_or(1, Sharing::most));
    (0..taps).step_by(span).flat_map(move |start| {
        let left = span.min(taps - start);
        let (whole, rest) = (left / period, left % period);
        [(0..rest, whole + 1), (rest..period, whole)].into_iter().flat_map(move |(firsts, shared)| {
            let together = if sharing.is_some_and(|sharing| sharing.pairs(shared)) { 2 } else { 1 };
            let end = firsts.end;
            firsts.step_by(together).flat_map(move |first| {
                let count = together.min(end - first);
                let each = move |t| (first..first + count).map(move |first| start + first + t * period);
                (0..shared).flat_map(each)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_vectors_apart_loads_are_shared() {
        let sharing = |period, vectors, step, has_pairs| Some(Sharing { step, period, vectors, has_pairs });
        assert_eq!(Sharing::of(31, 1, [16, 4]), sharing(16, 1, 1, true));
        assert_eq!(Sharing::of(31, 1, [8, 4]), sharing(8, 1, 1, false), "half a cache line");
        assert_eq!(Sharing::of(31, 3, [16, 4]), sharing(16, 3, 3, true));
        assert_eq!(Sharing::of(31, 4, [16, 4]), sharing(4, 1, 4, true));
        assert_eq!(Sharing::of(31, 8, [16, 4]), sharing(2, 1, 8, false), "too far apart for pairs");
        assert_eq!(Sharing::of(31, 5, [16, 4]), None, "five vectors");
        assert_eq!(Sharing::of(1, 1, [16, 4]), None, "one tap");
    }

    #[test]
    fn loads_are_those_of_the_loops() {
        let loads =
            |taps, step, bytes| Sharing::of(taps, step, [16, bytes]).unwrap().loads(taps) * VECTORS as f64;
        assert_eq!(loads(10, 1, 2), 8.0, "each its own");
        assert_eq!(loads(10, 1, 4), 4.5, "nine vectors for a pair");
        assert_eq!(loads(32, 1, 4), 2.5, "ten vectors for four");
        assert_eq!(loads(64, 1, 4), 11.0 / 4.0, "eleven vectors for four, never in pairs");
        assert_eq!(loads(640, 1, 4), 11.0 / 4.0, "no more than four");
        assert_eq!(loads(24, 1, 2), (8.0 * 9.0 + 8.0 * 8.0) / 24.0, "the first eight share");
        assert_eq!(loads(32, 3, 2), 11.0 / 2.0, "three vectors apart");
    }

    #[test]
    fn taps_of_pairs_and_those_that_share_their_loads_follow_each_other() {
        let order = |taps, size| order(taps, Sharing::of(taps, 1, [4, size])).collect::<Vec<_>>();
        assert_eq!(order(7, 4), [0, 4, 1, 5, 2, 6, 3]);
        assert_eq!(order(7, 16), [0, 1, 4, 5, 2, 6, 3]);
        assert_eq!(order(3, 16), [0, 1, 2]);
        assert_eq!(order(10, 16), [0, 4, 8, 1, 5, 9, 2, 3, 6, 7]);
    }

    #[test]
    fn every_tap_is_taken_once() {
        for step in 1..=6 {
            for (lanes, size) in
                [1, 2, 4, 8, 16].into_iter().flat_map(|lanes| [(lanes, 4), (lanes, 64 / lanes)])
            {
                for taps in 1..80 {
                    let sharing = Sharing::of(taps, step, [lanes, size]);
                    let mut taken: Vec<usize> = order(taps, sharing).collect();
                    if let Some(Sharing { period, vectors, .. }) = sharing {
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
