//! The order in which the tap columns are taken, and where each finds its inputs.
//!
//! Taps are dealt out to *classes*: with a column stride s, a row of inputs is split into phases of the stride, and the
//! taps of one class lie in one phase, at equal distances. (Without a stride there is one class.) Within a class, taps
//! that are whole vectors apart follow each other, because they share their loads.

use crate::microkernel::sliding_tile::{MAX_PHASES, Run};
use crate::problem::{Axis, gcd};

/// What decides the order of the tap columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct TapOrder {
    /// The order starts anew after so many tap columns: what one band serves.
    pub(super) chunk: usize,
    pub(super) classes: usize,
    /// Taps of a class from one to the next that is a vector away; 0 if there are none.
    pub(super) period: usize,
}

/// Steps of taps: step i has the taps `first + i * classes`, and `period * classes` on from there, `phases` of them.
struct TapRun {
    first: usize,
    steps: usize,
    phases: usize,
}

impl TapOrder {
    /// `is_dense`: whether taps of a class are neighbours in a band, or each tap stands apart. Without lanes, no taps
    /// share their loads.
    pub(super) fn new(axis: &Axis, chunk: usize, is_dense: bool, lanes: usize) -> Self {
        if !is_dense {
            return TapOrder { chunk, classes: 1, period: 0 };
        }
        let common = gcd(axis.stride, axis.dilation);
        let distance = axis.dilation / common;
        let period = if lanes.is_multiple_of(distance) { lanes / distance } else { 0 };
        TapOrder { chunk, classes: axis.stride / common, period }
    }

    /// Calls `take(at, tap)` for the tap columns of all chunks, with their places in the order.
    pub(super) fn for_each_tap(&self, count: usize, mut take: impl FnMut(usize, usize)) {
        for chunk in (0..count).step_by(self.chunk) {
            let mut at = chunk;
            self.for_each_run(self.chunk.min(count - chunk), |run| {
                self.for_each_tap_of(&run, |tap| {
                    take(at, chunk + tap);
                    at += 1;
                });
            });
        }
    }

    /// The places of `count` tap columns, at most a chunk, given that of each.
    pub(super) fn place(&self, count: usize, place: &dyn Fn(usize) -> isize) -> Vec<Run> {
        let mut runs = Vec::new();
        self.for_each_run(count, |TapRun { first, steps, phases }| {
            let start = place(first);
            let step = if steps > 1 { place(first + self.classes).wrapping_sub(start) } else { 0 };
            runs.push(Run { start, step, steps, phases });
        });
        runs
    }

    fn for_each_tap_of(&self, run: &TapRun, mut take: impl FnMut(usize)) {
        for step in 0..run.steps {
            for phase in 0..run.phases {
                take(run.first + (step + phase * self.period) * self.classes);
            }
        }
    }

    /// The runs of `count` tap columns.
    fn for_each_run(&self, count: usize, mut take: impl FnMut(TapRun)) {
        for class in 0..self.classes.min(count) {
            let taps = (count - class).div_ceil(self.classes);
            let block = if self.period == 0 { taps } else { MAX_PHASES * self.period };
            for first in (0..taps).step_by(block) {
                let block = block.min(taps - first);
                let period = if self.period == 0 { block } else { self.period };
                // The first `more` steps have a phase more than the others.
                let (phases, more) = (block / period, block % period);
                for (start, end, phases) in [(0, more, phases + 1), (more, period, phases)] {
                    if start < end && phases > 0 {
                        let first = class + (first + start) * self.classes;
                        take(TapRun { first, steps: end - start, phases });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(taps: usize, stride: usize, dilation: usize) -> Axis {
        let extent = (taps - 1) * dilation + 1;
        Axis { input: 1000, taps, stride, dilation, before: 0, after: 0, extent, output: 100 }
    }

    #[test]
    fn every_tap_is_taken_once_and_runs_name_the_places_of_the_columns() {
        for taps in 1..=150 {
            for (stride, dilation) in [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (2, 2), (4, 6), (3, 5)] {
                for (lanes, chunk) in [(1, 7), (4, 256), (16, 256), (16, 20)] {
                    let axis = axis(taps, stride, dilation);
                    let order = TapOrder::new(&axis, chunk, true, lanes);
                    let (mut places, mut all) = (0.., Vec::new());
                    order.for_each_tap(taps, |at, tap| {
                        assert_eq!(Some(at), places.next());
                        all.push(tap);
                    });
                    all.sort_unstable();
                    assert_eq!(all, (0..taps).collect::<Vec<_>>());
                    let segment = 1000;
                    let place =
                        |tap: usize| (tap * dilation % stride * segment + tap * dilation / stride) as isize;
                    let placed = order.place(taps.min(chunk), &place);
                    let mut columns = Vec::new();
                    for run in &placed {
                        for step in 0..run.steps {
                            columns.extend((0..run.phases).map(|phase| {
                                run.start + run.step * step as isize + (phase * lanes) as isize
                            }));
                        }
                    }
                    let mut expected = Vec::new();
                    order.for_each_tap(taps.min(chunk), |_, tap| expected.push(place(tap)));
                    assert_eq!(columns, expected);
                }
            }
        }
    }
}
