//! Kernels of any length and stride cut into pieces that minimal filtering serves.
//!
//! ```text
//! y[n] = sum over t of h[t] x[s n + t]
//!      = sum over pieces of (sum over i < r of h[tap + s i] x[tap + s (n + i)])
//! ```
//!
//! A piece takes up to three taps that stand a stride apart, and for it the input, read a stride apart too, has no
//! stride. Pieces of as many taps are of one kind: they form a *family*, whose products add up before the way back.

use super::{MAX_TAPS, Minimal};

/// Most pieces of an axis.
const MAX_PIECES: usize = 8;

/// Some taps of an axis, a stride apart, and how they are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first tap, which is also where the inputs of its tiles start.
    pub(crate) tap: usize,
    pub(crate) kind: Minimal,
}

/// The pieces of an axis, those of a kind neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    /// From one tap of a piece to the next, and from one input of a tile to the next.
    pub(crate) step: usize,
    /// Outputs of a tile.
    pub(crate) outputs: usize,
    pieces: [Piece; MAX_PIECES],
    count: usize,
}

impl Pieces {
    /// For tiles of so many outputs, of which one means that nothing is saved; none if there would be too many pieces.
    pub(crate) fn new(outputs: usize, taps: usize, stride: usize) -> Option<Self> {
        let step = stride.min(taps);
        let none = Piece { tap: 0, kind: Minimal { outputs, taps: 1 } };
        let mut pieces = Pieces { step, outputs, pieces: [none; MAX_PIECES], count: 0 };
        if taps > step.saturating_mul(MAX_TAPS * MAX_PIECES) || step > MAX_PIECES {
            return None;
        }
        for size in (1..=MAX_TAPS).rev() {
            for first in 0..step {
                let mut tap = first;
                for length in lengths((taps - first).div_ceil(step), outputs) {
                    if length == size {
                        *pieces.pieces.get_mut(pieces.count)? =
                            Piece { tap, kind: Minimal { outputs, taps: length } };
                        pieces.count += 1;
                    }
                    tap += length * step;
                }
            }
        }
        Some(pieces)
    }

    pub(crate) fn all(&self) -> &[Piece] {
        &self.pieces[..self.count]
    }

    /// Whether any piece has several taps: others save nothing.
    pub(crate) fn saves(&self) -> bool {
        self.outputs > 1 && self.all().iter().any(|piece| piece.kind.taps > 1)
    }

    /// Pieces of one kind together.
    fn kinds(&self) -> impl Iterator<Item = &[Piece]> {
        self.all().chunk_by(|a, b| a.kind == b.kind)
    }
}

/// Taps that stand a stride apart, cut into threes, with twos where one would be left.
fn lengths(taps: usize, outputs: usize) -> impl Iterator<Item = usize> {
    let [threes, twos, ones] = match (outputs, taps % 3) {
        (1, _) => [0, 0, taps],
        (_, 0) => [taps / 3, 0, 0],
        (_, 1) if taps > 1 => [taps / 3 - 1, 2, 0],
        (_, 1) => [0, 0, 1],
        _ => [taps / 3, 1, 0],
    };
    let repeat = |length, times| core::iter::repeat_n(length, times);
    repeat(3, threes).chain(repeat(2, twos)).chain(repeat(1, ones))
}

/// Pieces of rows and of columns, each of one kind, every pair of which is a piece of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family<'a> {
    rows: &'a [Piece],
    columns: &'a [Piece],
}

impl<'a> Family<'a> {
    /// All families of a kernel.
    pub(crate) fn all([rows, columns]: &'a [Pieces; 2]) -> impl Iterator<Item = Family<'a>> {
        rows.kinds().flat_map(move |rows| columns.kinds().map(move |columns| Family { rows, columns }))
    }

    pub(crate) fn kinds(&self) -> [Minimal; 2] {
        [self.rows[0].kind, self.columns[0].kind]
    }

    /// Products of a tile for a pair of channels and one of its pieces.
    pub(crate) fn points(&self) -> usize {
        let [rows, columns] = self.kinds();
        rows.tile() * columns.tile()
    }

    /// How many pieces of the kernel there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// First taps, row and column, of each piece of the kernel.
    pub(crate) fn taps(&self) -> impl Iterator<Item = [usize; 2]> + use<'a> {
        let Family { rows, columns } = *self;
        rows.iter().flat_map(move |row| columns.iter().map(move |column| [row.tap, column.tap]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every tap is in one piece, and pieces of a kind are neighbours.
    #[test]
    fn pieces_cover_every_tap_once() {
        for outputs in [1, 2, 4] {
            for taps in 1..30 {
                for stride in 1..12 {
                    let Some(pieces) = Pieces::new(outputs, taps, stride) else {
                        assert!(taps > 8, "{outputs} {taps} {stride}");
                        continue;
                    };
                    let mut covered = vec![0; taps];
                    for piece in pieces.all() {
                        (0..piece.kind.taps).for_each(|i| covered[piece.tap + i * pieces.step] += 1);
                    }
                    assert_eq!(covered, vec![1; taps]);
                    assert!(pieces.all().is_sorted_by_key(|piece| MAX_TAPS - piece.kind.taps));
                    assert_eq!(pieces.saves(), outputs > 1 && taps > stride);
                }
            }
        }
    }

    #[test]
    fn strides_leave_what_the_phases_of_a_kernel_need() {
        let taps = |taps, stride| {
            let pieces = Pieces::new(4, taps, stride).unwrap();
            pieces.all().iter().map(|piece| [piece.tap, piece.kind.taps]).collect::<Vec<_>>()
        };
        assert_eq!(taps(3, 1), [[0, 3]]);
        assert_eq!(taps(3, 2), [[0, 2], [1, 1]]);
        assert_eq!(taps(7, 1), [[0, 3], [3, 2], [5, 2]]);
        assert_eq!(taps(5, 2), [[0, 3], [1, 2]]);
        assert_eq!(taps(11, 1), [[0, 3], [3, 3], [6, 3], [9, 2]]);
    }
}
