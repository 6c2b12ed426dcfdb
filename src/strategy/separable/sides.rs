//! What lies to the left and to the right of an input that is read in place, for each input row in a short row of its
//! own: the values that the border repeats, or its constant. So no input is copied as a whole.

use core::ops::Range;
use core::slice;

use super::strip::Strip;
use crate::element::Element;
use crate::window::Place;
use crate::workspace::take;

/// One side.
struct Side<'a, T> {
    /// Values of the strip that lie there.
    values: Range<usize>,
    /// Where each of them takes its value from, counted as those of the strip, unless they are a constant.
    places: &'a mut [isize],
    constant: Option<T>,
    /// Its rows, as those of the ring of copies, and a pointer for the same reason: `pitch` values each.
    ring: *mut T,
    pitch: usize,
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
        Sides(outside.map(|values| {
            let mut side = Side {
                values,
                places: take::<isize>(memory, cut.side),
                constant: None,
                ring: take::<T>(memory, cut.inputs * cut.side_pitch()).as_mut_ptr(),
                rows: take::<*const T>(memory, cut.table()),
                pitch: cut.side_pitch(),
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
            let to = side.ring.wrapping_add(slot * side.pitch);
            // SAFETY: `take` has booked such rows for every slot, which only the table points into; it is not read
            // meanwhile.
            let to = unsafe { slice::from_raw_parts_mut(to, side.values.len()) };
            match side.constant {
                // SAFETY: a copy has all values of the strip.
                _ if !in_place => unsafe { gather(from, side.values.start as isize.., to) },
                Some(constant) => to.fill(constant),
                // SAFETY: values inside the row.
                None => unsafe { gather(from, side.places.iter().copied(), to) },
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
            side.rows[place] = side.ring.wrapping_add(slot * side.pitch);
        }
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
        for (to, value) in self.places.iter_mut().zip(self.values.clone()) {
            let column = strip.corner[1] + (value / planes) as isize;
            match strip.plan.extensions.column(column, columns) {
                Place::Index(x) => *to = first + x * planes as isize + (value % planes) as isize,
                Place::Value(constant) => self.constant = Some(constant),
            }
        }
    }
}
