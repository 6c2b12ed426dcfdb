//! What lies to the left and to the right of an input that is read in place, for each input row in a short row of its
//! own: the values that the border repeats, or its constant. So no input is copied as a whole. Where both sums are
//! taken at once, a side may also be inside the input: it is its own repetition then.

use core::ops::Range;
use core::slice;

use super::strip::Strip;
use crate::element::Element;
use crate::microkernel::separable_tile::Beside;
use crate::window::Place;
use crate::workspace::take;

/// One side.
struct Side<'a, T> {
    /// Values of the strip that lie there.
    values: Range<usize>,
    /// Values of the strip before `values` that a row begins with, behind a vector of room.
    tail: usize,
    /// Where each value of a row takes its value from, counted as those of the strip, unless those outside are a
    /// constant.
    places: &'a mut [isize],
    constant: Option<T>,
    /// Its rows, as those of the ring of copies, and a pointer for the same reason: `pitch` values each, with `lead` of
    /// room before.
    ring: *mut T,
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
                tail: tails[side],
                places: take::<isize>(memory, cut.side_places()),
                constant: None,
                ring: take::<T>(memory, cut.inputs * cut.side_pitch()).as_mut_ptr(),
                rows: take::<*const T>(memory, cut.table()),
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
            let to = side.ring.wrapping_add(slot * side.pitch + side.lead);
            // SAFETY: `take` has booked such rows for every slot, which only the table points into; it is not read
            // meanwhile.
            let to = unsafe { slice::from_raw_parts_mut(to, side.tail + side.values.len()) };
            let places = side.places.iter().copied();
            match side.constant {
                // SAFETY: a copy has all values of the strip.
                _ if !in_place => unsafe {
                    gather(from, side.values.start as isize - side.tail as isize.., to)
                },
                Some(constant) => {
                    let (tail, outside) = to.split_at_mut(side.tail);
                    // SAFETY: values inside the row.
                    unsafe { gather(from, places, tail) };
                    outside.fill(constant);
                }
                // SAFETY: values inside the row.
                None => unsafe { gather(from, places, to) },
            }
        }
    }

    /// Moves entries of the tables to their beginning.
    pub(super) fn move_rows(&mut self, entries: Range<usize>) {
        for side in &mut self.0 {
            side.rows.copy_within(entries.clone(), 0);
        }
    }

    /// Enters an input row into the tables.
    pub(super) fn find_row(&mut self, place: usize, slot: usize) {
        for side in &mut self.0 {
            // Of the whole ring: what lies before is read, too.
            side.rows[place] = side.ring.wrapping_add(slot * side.pitch + side.lead + side.tail);
        }
    }

    /// The end of the left side in the rows under a tile, and the end of the whole vectors inside: with both, the
    /// tables.
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

/// Reads a few values.
///
/// # Safety
/// `from + place` is readable for as many places as `to` has values, and none of these is there.
#[inline]
unsafe fn gather<T: Copy>(from: *const T, places: impl IntoIterator<Item = isize>, to: &mut [T]) {
    for (to, place) in to.iter_mut().zip(places) {
        // SAFETY: vouched for by the caller.
        *to = unsafe { *from.wrapping_offset(place) };
    }
}

impl<T: Element> Side<'_, T> {
    /// Finds what is repeated.
    fn find(&mut self, strip: &Strip<'_, '_, T>) {
        let planes = strip.planes;
        let columns = strip.plan.problem.columns.input;
        // The first value of a row, counted as those of the strip.
        let first = -strip.corner[1] * planes as isize;
        let tail = self.values.start - self.tail..self.values.start;
        let (inside, outside) = self.places.split_at_mut(self.tail);
        inside.iter_mut().zip(tail).for_each(|(to, value)| *to = value as isize);
        for (to, value) in outside.iter_mut().zip(self.values.clone()) {
            let column = strip.corner[1] + (value / planes) as isize;
            match strip.plan.extensions.column(column, columns) {
                Place::Index(x) => *to = first + x * planes as isize + (value % planes) as isize,
                Place::Value(constant) => self.constant = Some(constant),
            }
        }
    }
}
