//! Where the inputs under a pair of tiles are read.
//!
//! Rows are found through a table: those inside are read in place, the others are the ones that the border repeats, or
//! rows of its constant. Vectors of columns that reach over an end are copied to staging, as are all columns where
//! neighbours are apart in memory. Samples are read in place or staged as a whole.

use core::ops::Range;
use core::slice;

use super::cut::{Cut, Lanes};
use super::tiles::{Tile, TilePair, Tiles};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::fft::mean::SampleMeans;
use crate::microkernel::fft::{Band, Both, MOST_PLANES, Pair, Planes};
use crate::problem::Axis;
use crate::window::Place;
use crate::workspace::{Booking, take};

/// Rows besides those of the input: of the constants above and below it, and of what either tile has beyond.
const ABOVE: usize = 0;
const BELOW: usize = 1;
const BEYOND: usize = 2;
const SPARE: usize = 4;

/// Of samples, which are one row, what is not in the input is staged.
fn spare_len(cut: &Cut) -> usize {
    if cut.lanes == Lanes::Samples { 0 } else { cut.width().saturating_mul(SPARE) }
}

/// The buffers of a task for its inputs, and for results on their way.
pub(super) struct Room<'a, T> {
    /// Both tiles, and the spare rows: pointers, since the tables point into them while they are written.
    staging: *mut T,
    spare: *mut T,
    has_spare: bool,
    /// Values of staging.
    len: usize,
    /// Rows of a tile, and values in each.
    size: [usize; 2],
    /// Of either part, where its rows are in the input, and where they are in staging.
    rows: Both<&'a mut [*const T]>,
    staged: Both<&'a mut [*const T]>,
}

/// What [`Room::take`] will cut, of values of `size` bytes.
pub(super) fn book_room(cut: &Cut, size: usize) -> Booking {
    let values = |count: usize| count.saturating_mul(size);
    let tables = (0..4).fold(Booking::new(), |booking, _| booking.add::<*const u8>(cut.rows.transform));
    tables.add::<u8>(values(cut.pair_len())).add::<u8>(values(spare_len(cut)))
}

impl<'a, T: Element> Room<'a, T> {
    pub(super) fn take(cut: &Cut, memory: &mut &'a mut [u8]) -> Self {
        let size = [cut.rows.transform, cut.width()];
        let [rows, staged] = [(); 2].map(|()| [(); 2].map(|()| take::<*const T>(memory, size[0])));
        let room = Room {
            staging: take::<T>(memory, cut.pair_len()).as_mut_ptr(),
            spare: take::<T>(memory, spare_len(cut)).as_mut_ptr(),
            has_spare: spare_len(cut) > 0,
            len: cut.pair_len(),
            size,
            rows,
            staged,
        };
        for part in 0..2 {
            for row in 0..size[0] {
                room.staged[part][row] = room.staged_at(part, row);
            }
        }
        room
    }

    fn staged_at(&self, part: usize, row: usize) -> *mut T {
        self.staging.wrapping_add((part * self.size[0] + row) * self.size[1])
    }

    /// Columns of a row in staging.
    fn staged_row(&mut self, part: usize, row: usize, columns: Range<usize>) -> &mut [T] {
        debug_assert!(row < self.size[0] && columns.end <= self.size[1]);
        debug_assert!((part + 1) * self.size[0] * self.size[1] <= self.len);
        // SAFETY: `take` has cut the tiles, which only this room and its tables point to; nothing is read through the
        // tables meanwhile.
        unsafe { slice::from_raw_parts_mut(self.staged_at(part, row).add(columns.start), columns.len()) }
    }

    fn spare_row(&mut self, row: usize) -> &mut [T] {
        debug_assert!(row < SPARE && self.has_spare);
        // SAFETY: as in `staged_row`, of the spare rows.
        unsafe { slice::from_raw_parts_mut(self.spare.add(row * self.size[1]), self.size[1]) }
    }

    fn spare_at(&self, row: usize) -> *const T {
        self.spare.wrapping_add(row * self.size[1]).cast_const()
    }

    /// The tiles in staging, one behind the other.
    pub(super) fn tiles(&mut self) -> &mut [T] {
        // SAFETY: as in `staged_row`.
        unsafe { slice::from_raw_parts_mut(self.staging, self.len) }
    }

    /// The same, to be written.
    pub(super) fn target(&self) -> Pair<T> {
        Pair { re: self.staging, im: self.staged_at(1, 0), row_step: self.size[1] as isize }
    }

    /// The same, to be read.
    pub(super) fn source(&self) -> Band<T> {
        Band { rows: [self.staged[0].as_ptr(), self.staged[1].as_ptr()], end: self.size[1] }
    }

    /// The tiles, and a row that is free once inputs have been read; none for samples.
    pub(super) fn results(&mut self) -> (&mut [T], &mut [T]) {
        let line = if self.has_spare { self.size[1] } else { 0 };
        // SAFETY: as in `staged_row` and `spare_row`; the two are apart.
        unsafe {
            let tiles = slice::from_raw_parts_mut(self.staging, self.len);
            (tiles, slice::from_raw_parts_mut(self.spare, line))
        }
    }
}

/// What lies under a tile.
#[derive(Default)]
struct Under {
    /// Where its first value stands in the input, row and column.
    corner: [isize; 2],
    /// Rows from there on, and values of each, that are the windows' or the input's. What is beyond has no say in any
    /// output.
    known: [usize; 2],
    /// Values of a row in whole vectors that are read in place.
    inside: Range<usize>,
    /// Those that are staged, before them and behind.
    staged: [Range<usize>; 2],
}

/// Where a pair of tiles is read. Lives no longer than the room that it was found with.
pub(super) struct Source<T> {
    pub(super) bands: [Band<T>; 3],
    under: Both<Under>,
}

impl<T: Element> Tiles<T> {
    /// The inputs under a pair of tiles, but for what is beyond them.
    pub(super) fn source(
        &self,
        call: &Call<'_, T>,
        channel: usize,
        pair: &TilePair,
        room: &mut Room<'_, T>,
    ) -> Source<T> {
        if self.cut.lanes == Lanes::Samples {
            return self.samples(call, channel, pair, room);
        }
        let mut under = pair.tiles.map(|tile| self.under(call, tile));
        let [left, right] = self.ends(&mut under);
        for (part, under) in under.iter().enumerate() {
            self.find_rows(call, [pair.item, channel], (part, under), room);
            self.stage(call, [pair.item, channel], (part, under), room);
        }
        let rows = |band: usize| {
            [0, 1].map(|part| {
                let is_staged = under[part].staged.get(band).is_some_and(|columns| !columns.is_empty());
                if is_staged { room.staged[part].as_ptr() } else { room.rows[part].as_ptr() }
            })
        };
        let bands = [
            Band { rows: rows(0), end: left },
            Band { rows: rows(usize::MAX), end: right },
            Band { rows: rows(1), end: self.cut.width() },
        ];
        Source { bands, under }
    }

    /// The samples under a tile: in place if all of them are inside, else staged.
    fn samples(
        &self,
        call: &Call<'_, T>,
        channel: usize,
        pair: &TilePair,
        room: &mut Room<'_, T>,
    ) -> Source<T> {
        let width = self.cut.width();
        let mut under = Under { known: [1, width], inside: 0..width, ..Under::default() };
        let rows = if let Some(samples) = self.samples_inside(call, channel, pair) {
            room.rows[0][0] = samples;
            room.rows[0].as_ptr()
        } else {
            under = self.under(call, pair.tiles[0]);
            under.staged[0] = 0..width;
            self.stage(call, [pair.item, channel], (0, &under), room);
            room.staged[0].as_ptr()
        };
        Source { bands: [Band { rows: [rows; 2], end: width }; 3], under: [under, Under::default()] }
    }

    fn under(&self, call: &Call<'_, T>, tile: Option<Tile>) -> Under {
        let (rows, columns) = (&self.problem.rows, &self.problem.columns);
        let (planes, width) = (self.cut.planes, self.cut.width());
        let (length, staged) = (width / planes, [0..0, 0..0]);
        let Some(Tile { first, outputs }) = tile else {
            return Under { inside: 0..width, ..Under::default() };
        };
        let corner = [rows.start(first[0]), columns.start(first[1])];
        let known = |axis: &Axis, at: isize, outputs: usize, len: usize| {
            let windows = (outputs - 1) * axis.stride + axis.extent;
            windows.max(place(axis.input as isize - at, len)).min(len)
        };
        let known = [
            known(rows, corner[0], outputs[0], self.cut.rows.transform),
            known(columns, corner[1], outputs[1], length) * planes,
        ];
        // Lanes are a power of two: divisions take as long as short lines.
        let whole = |values: usize| values & !(self.lanes - 1);
        let start = whole(place(-corner[1], length) * planes + self.lanes - 1);
        let end = whole(place(columns.input as isize - corner[1], length) * planes);
        let is_in_place = start < end && self.are_neighbours(call.input_strides);
        Under { corner, known, inside: if is_in_place { start..end } else { width..width }, staged }
    }

    /// Where the first and the second of three bands of columns end, so that either tile is staged in the outer ones or
    /// in place in all of them; else everything is one band, staged or in place.
    fn ends(&self, under: &mut Both<Under>) -> [usize; 2] {
        let width = self.cut.width();
        let left = under[0].inside.start.max(under[1].inside.start);
        let right = under[0].inside.end.min(under[1].inside.end);
        let [left, right] = if left <= right { [left, right] } else { [width; 2] };
        for Under { inside, staged, .. } in under {
            *staged = match *inside {
                Range { start: 0, end } if end == width => [0..0, 0..0],
                _ if left == width => [0..width, 0..0],
                Range { start, end } => {
                    [if start > 0 { 0..left } else { 0..0 }, if end < width { right..width } else { 0..0 }]
                }
            };
        }
        [left, right]
    }

    /// Enters where the rows under a tile are into the table of its part.
    fn find_rows(
        &self,
        call: &Call<'_, T>,
        [item, channel]: [usize; 2],
        (part, under): (usize, &Under),
        room: &mut Room<'_, T>,
    ) {
        let (input, [y, x]) = (self.problem.rows.input, under.corner);
        let (step, known) = (call.input_strides[2], under.known[0]);
        let row = |y: isize| call.input_at(item, channel, [0, x]).wrapping_offset(y.wrapping_mul(step));
        let start = place(-y, known);
        let end = place(input as isize - y, known).max(start);
        for (outside, spare) in [(0..start, ABOVE), (end..known, BELOW)] {
            let mut is_filled = false;
            for r in outside {
                room.rows[part][r] = match self.extensions.row(y + r as isize, input) {
                    Place::Index(y) => row(y),
                    Place::Value(value) => {
                        if !is_filled {
                            room.spare_row(spare).fill(value);
                            is_filled = true;
                        }
                        room.spare_at(spare)
                    }
                };
            }
        }
        let first = row(y + start as isize);
        for (r, place) in room.rows[part][start..end].iter_mut().enumerate() {
            *place = first.wrapping_offset((r as isize).wrapping_mul(step));
        }
        let beyond = room.spare_at(BEYOND + part);
        room.rows[part][known..].fill(beyond);
    }

    /// Copies what cannot be read in place.
    fn stage(
        &self,
        call: &Call<'_, T>,
        [item, channel]: [usize; 2],
        (part, under): (usize, &Under),
        room: &mut Room<'_, T>,
    ) {
        if under.staged.iter().all(Range::is_empty) {
            return;
        }
        let (problem, planes) = (&self.problem, self.cut.planes);
        let plane = call.plane(problem, item, channel, &self.extensions);
        let pixels =
            (planes > 1).then(|| call.pixels(problem, item, channel..channel + planes, &self.extensions));
        let ([y, x], [rows, values]) = (under.corner, under.known);
        for &Range { start, end } in &under.staged {
            let end = end.min(values);
            if start >= end {
                continue;
            }
            // Whole pixels, some values of which may be staged without need.
            let (first, last) = (start / planes, end.div_ceil(planes));
            for r in 0..rows {
                let to = room.staged_row(part, r, first * planes..last * planes);
                let (y, x) = (y + r as isize, x + first as isize);
                match &pixels {
                    Some(pixels) => pixels.read(y, x, 1, planes, to),
                    None => plane.read(y, x, 1, to),
                }
                if values < self.lanes {
                    // For a sample of the mean, which takes whole vectors.
                    let to = room.staged_row(part, r, 0..self.lanes);
                    (values..self.lanes).for_each(|i| to[i] = to[i - planes]);
                }
            }
        }
    }

    /// About the means of either tile, plane by plane; zero where zeros that wrap around must stay zeros.
    pub(super) fn means(&self, source: &Source<T>) -> Both<Planes<T>> {
        if self.cut.columns.wraps {
            return [[T::default(); MOST_PLANES]; 2];
        }
        let (bands, planes) = (&source.bands, self.cut.planes);
        let mean = |part: usize| {
            let [rows, values] = source.under[part].known;
            let columns =
                if values < self.lanes { values.min(1) * self.lanes } else { values & !(self.lanes - 1) };
            // SAFETY: `source` has found so many rows and columns, and `stage` has made a vector of fewer.
            let _vouched = unsafe { Vouched::new() };
            T::dispatch(self.problem.isa, SampleMeans { bands, part, rows, columns, planes, _vouched })
        };
        let is_single = self.cut.lanes == Lanes::Samples;
        [mean(0), if is_single { [T::default(); MOST_PLANES] } else { mean(1) }]
    }

    /// Fills what is beyond either tile.
    pub(super) fn fill_beyond(&self, source: &Source<T>, room: &mut Room<'_, T>, values: Both<Planes<T>>) {
        let (height, planes) = (self.cut.rows.transform, self.cut.planes);
        for (part, (under, values)) in source.under.iter().zip(values).enumerate() {
            let [rows, columns] = under.known;
            if rows < height && self.cut.lanes != Lanes::Samples {
                fill(room.spare_row(BEYOND + part), 0, &values[..planes]);
            }
            for Range { start, end } in under.staged.iter().filter(|columns| !columns.is_empty()).cloned() {
                for r in 0..height {
                    let known = if r < rows { columns.clamp(start, end) } else { start };
                    if known < end {
                        fill(room.staged_row(part, r, known..end), known, &values[..planes]);
                    }
                }
            }
        }
    }
}

/// Fills columns from number `first` on, by turns with the values of the planes.
fn fill<T: Element>(columns: &mut [T], first: usize, planes: &[T]) {
    if let [value] = planes {
        return columns.fill(*value);
    }
    for (i, column) in columns.iter_mut().enumerate() {
        *column = planes[(first + i) % planes.len()];
    }
}

/// A place on an axis, or the end of it that is nearer.
fn place(at: isize, len: usize) -> usize {
    at.clamp(0, len as isize) as usize
}
