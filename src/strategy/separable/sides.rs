//! What lies to the left and to the right of an input that is read in place, as sums along columns: those of the columns that
//! the border repeats, or of a column of its constant. So no input is copied. Where both sums are taken at once, a side may
//! also be inside the input: it is its own repetition then.

use core::ops::Range;

use super::cut::Cut;
use super::strip::{Room, Strip};
use crate::element::Element;
use crate::window::Place;
use crate::workspace::take;

/// One side.
struct Side<'a, T> {
    /// Values of the strip that lie there.
    values: Range<usize>,
    /// The values that they repeat, a vector or more, counted as those of the strip; of a constant, any vector.
    repeated: Range<isize>,
    is_constant: bool,
    /// Which of these each of them is, unless that is a constant.
    places: &'a mut [isize],
    /// A vector of the constant.
    constant: &'a mut [T],
}

/// Both sides, and room to sum one.
pub(super) struct Sides<'a, T> {
    sides: [Side<'a, T>; 2],
    sums: &'a mut [T],
    rows: &'a mut [*const T],
}

impl<'a, T: Element> Sides<'a, T> {
    /// Those of a strip, in memory that [`Cut`] has booked.
    pub(super) fn take(strip: &Strip<'_, '_, T>, memory: &mut &'a mut [u8]) -> Self {
        let cut = &strip.plan.cut;
        let inside = &strip.inside;
        let outside =
            if inside.is_empty() { [0..0, 0..0] } else { [0..inside.start, inside.end..strip.values] };
        let sides = outside.map(|values| {
            let places = take::<isize>(memory, cut.side);
            let constant = take::<T>(memory, cut.lanes);
            let mut side = Side { values, repeated: 0..0, is_constant: false, places, constant };
            side.find(strip);
            side
        });
        let sums = take::<T>(memory, cut.sums() * cut.side_pitch());
        Sides { sides, sums, rows: take::<*const T>(memory, cut.inputs) }
    }
}

impl<T: Element> Side<'_, T> {
    /// Finds what is repeated.
    fn find(&mut self, strip: &Strip<'_, '_, T>) {
        if self.values.is_empty() {
            return;
        }
        let (planes, lanes) = (strip.planes, strip.plan.cut.lanes as isize);
        let columns = strip.plan.problem.columns.input;
        let column = |value: usize| strip.corner[1] + (value / planes) as isize;
        // Places of values in a row, counted as those of the strip.
        let first = -strip.corner[1] * planes as isize;
        let row = first..first + (columns * planes) as isize;
        let repeated = |value: usize| match strip.plan.extensions.column(column(value), columns) {
            Place::Index(x) => Ok(first + x * planes as isize + (value % planes) as isize),
            Place::Value(constant) => Err(constant),
        };
        let (mut low, mut high) = (row.end, row.start);
        for value in self.values.clone() {
            match repeated(value) {
                Ok(at) => (low, high) = (low.min(at), high.max(at + 1)),
                Err(constant) => {
                    self.constant.fill(constant);
                    self.is_constant = true;
                    self.repeated = 0..lanes;
                    return;
                }
            }
        }
        // A vector or more, inside the row.
        let low = low.min(row.end - lanes);
        self.repeated = low..high.max(low + lanes);
        for (place, value) in self.places.iter_mut().zip(self.values.clone()) {
            *place = repeated(value).map_or(0, |at| at - low);
        }
    }
}

impl<T: Element> Strip<'_, '_, T> {
    /// Sums along columns on both sides of those inside, for so many output rows, under which the input rows from `first` on are.
    pub(super) fn sum_sides(&self, rows: usize, first: usize, room: &mut Room<'_, T>) {
        let cut: &Cut = &self.plan.cut;
        let Sides { sides, sums, rows: table } = &mut room.sides;
        for side in sides.iter().filter(|side| !side.values.is_empty()) {
            let to = (sums.as_mut_ptr(), cut.side_pitch());
            let inputs = if side.is_constant || room.has_copies {
                let under = (rows - 1) * cut.step + self.plan.problem.rows.taps;
                for (place, to) in table[..under].iter_mut().enumerate() {
                    *to = match self.row_in_place(first + place) {
                        Some(_) if side.is_constant => side.constant.as_ptr(),
                        Some(row) => row,
                        // Copied rows are constant, by the borders above and below.
                        None => self.row_of_ring(first + place).wrapping_offset(-side.repeated.start),
                    };
                }
                &**table
            } else {
                &*room.rows
            };
            // SAFETY: the table holds the rows under the tile, or constants; the values are inside the row, or a vector of
            // them. `Cut::side` says how many there are at most.
            unsafe { self.sum_values(rows, inputs, side.repeated.clone(), to) };
            let first = self.shift() + side.values.start;
            let lines = room.sums.chunks_exact_mut(cut.pitch).zip(sums.chunks_exact(cut.side_pitch()));
            for (_, (to, from)) in lines.enumerate().filter(|(line, _)| line % cut.tile < rows) {
                let to = &mut to[first..][..side.values.len()];
                if side.is_constant {
                    to.fill(from[0]);
                } else {
                    to.iter_mut().zip(&*side.places).for_each(|(to, &place)| *to = from[place as usize]);
                }
            }
        }
    }
}
