//! What lies to the left and to the right of an input that is read in place, for each input row in a short row of its own: the
//! values that the border repeats, or its constant. So no input is copied as a whole. Where both sums are taken at once, a side
//! may also be inside the input: it is its own repetition then.

use core::ops::Range;

use super::strip::Strip;
use crate::element::Element;
use crate::microkernel::separable_tile::Beside;
use crate::window::Place;
use crate::workspace::take;

/// One side.
struct Side<'a, T> {
    /// Values of the strip that lie there.
    values: Range<usize>,
    /// Where each takes its value from, counted as those of the strip, unless that is a constant.
    places: &'a mut [isize],
    constant: Option<T>,
    /// Values of the strip before `values` that a row begins with, behind a vector of room.
    tail: usize,
    /// Its rows, as those of the ring of copies: `pitch` values each, with `lead` of room before.
    ring: &'a mut [T],
    pitch: usize,
    lead: usize,
    /// Where the first of `values` is in the rows under a tile.
    rows: &'a mut [*const T],
}

/// Both sides.
pub(super) struct Sides<'a, T>([Side<'a, T>; 2]);

impl<'a, T: Element> Sides<'a, T> {
    /// Those of a strip, in memory that its cut has booked.
    pub(super) fn take(strip: &Strip<'_, '_, T>, memory: &mut &'a mut [u8]) -> Self {
        let cut = &strip.plan.cut;
        let inside = &strip.inside;
        let outside =
            if inside.is_empty() { [0..0, 0..0] } else { [0..inside.start, inside.end..strip.values] };
        let tails = [0, inside.len() % cut.lanes];
        Sides([0, 1].map(|side| {
            let mut side = Side {
                values: outside[side].clone(),
                places: take::<isize>(memory, cut.side),
                constant: None,
                tail: tails[side],
                ring: take::<T>(memory, cut.inputs * cut.side_pitch()),
                rows: take::<*const T>(memory, cut.inputs),
                pitch: cut.side_pitch(),
                lead: cut.lanes,
            };
            side.find(strip);
            side
        }))
    }

    /// Reads those of an input row, which begins at `from`, if it is read `in_place`, or else is a copy.
    ///
    /// # Safety
    /// The values of the strip that are inside are readable from there on, and all of them if it is a copy.
    pub(super) unsafe fn read(&mut self, slot: usize, from: *const T, in_place: bool) {
        for side in &mut self.0 {
            let to = &mut side.ring[slot * side.pitch + side.lead..][..side.tail + side.values.len()];
            let (tail, to) = to.split_at_mut(side.tail);
            // SAFETY: values of the row inside the input, or of the copy.
            unsafe { copy(from.wrapping_add(side.values.start - side.tail), tail) };
            match side.constant {
                Some(constant) if in_place => to.fill(constant),
                // SAFETY: values inside the row.
                _ if in_place => to.iter_mut().zip(&*side.places).for_each(|(to, &place)| unsafe {
                    *to = *from.wrapping_offset(place);
                }),
                // SAFETY: a copy has all values of the strip.
                _ => unsafe { copy(from.wrapping_add(side.values.start), to) },
            }
        }
    }

    /// Enters an input row into the tables for a tile.
    pub(super) fn find_row(&mut self, place: usize, slot: usize) {
        for side in &mut self.0 {
            // Of the whole ring: what lies before is read, too.
            side.rows[place] = side.ring.as_ptr().wrapping_add(slot * side.pitch + side.lead + side.tail);
        }
    }

    /// The end of the left side in the rows under a tile, and the end of the whole vectors inside: with both, the tables.
    pub(super) fn around(&self) -> [Beside<T>; 2] {
        let [left, right] = &self.0;
        [(left, left.values.len() as isize), (right, -(right.tail as isize))]
            .map(|(side, first)| Beside { rows: side.rows.as_ptr(), first })
    }

    /// Values of the strip on each side, and where the first of them is in the rows under a tile.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Range<usize>, &[*const T])> {
        self.0.iter().map(|side| (&side.values, &*side.rows))
    }
}

/// Copies a few values.
///
/// # Safety
/// `from` is readable for as many as `to` has, and they do not overlap.
unsafe fn copy<T: Copy>(from: *const T, to: &mut [T]) {
    for (i, to) in to.iter_mut().enumerate() {
        // SAFETY: vouched for by the caller.
        *to = unsafe { *from.add(i) };
    }
}

impl<T: Element> Side<'_, T> {
    /// Finds what is repeated.
    fn find(&mut self, strip: &Strip<'_, '_, T>) {
        let planes = strip.planes;
        let columns = strip.plan.problem.columns.input;
        // The first value of a row, counted as those of the strip.
        let first = -strip.corner[1] * planes as isize;
        for (to, value) in self.places.iter_mut().zip(self.values.clone()) {
            let column = strip.corner[1] + (value / planes) as isize;
            match strip.plan.extensions.column(column, columns) {
                Place::Index(x) => *to = first + x * planes as isize + (value % planes) as isize,
                Place::Value(constant) => self.constant = Some(constant),
            }
        }
    }
}
