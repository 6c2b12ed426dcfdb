//! A model of strided views in arithmetic that cannot overflow, and layouts from bytes.

use std::ops::Range;

use super::hostile_stride;
use crate::fuzz_support::bytes::Bytes;
use crate::fuzz_support::operands::indices;

/// Four axes somewhere in a line of elements. No element is at a negative place once `stays_inside` holds.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub dims: [usize; 4],
    pub strides: [isize; 4],
    pub origin: i128,
}

impl Grid {
    /// Where an element lies.
    pub fn index(&self, at: [usize; 4]) -> usize {
        let steps = (0..4).map(|axis| at[axis] as i128 * self.strides[axis] as i128);
        usize::try_from(self.origin + steps.sum::<i128>()).expect("elements lie inside the slice")
    }

    /// The smallest and the largest place; `None` for an empty grid or if they are beyond measure.
    fn reach(&self) -> Option<[i128; 2]> {
        let mut reach = [self.origin; 2];
        for axis in 0..4 {
            let last = (self.dims[axis] as i128 - 1).checked_mul(self.strides[axis] as i128)?;
            let end = usize::from(last > 0);
            reach[end] = reach[end].checked_add(last)?;
        }
        (!self.is_empty()).then_some(reach)
    }

    pub fn is_empty(&self) -> bool {
        self.dims.contains(&0)
    }

    /// An empty grid is inside anything.
    pub fn stays_inside(&self, len: usize) -> bool {
        self.is_empty() || self.reach().is_some_and(|[lowest, highest]| lowest >= 0 && highest < len as i128)
    }

    /// How many elements, if they can be counted.
    pub fn count(&self) -> Option<usize> {
        if self.is_empty() {
            return Some(0);
        }
        self.dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim))
    }

    /// Whether no two elements share a place, by trying them all.
    pub fn is_distinct(&self) -> bool {
        let mut places: Vec<usize> = indices(self.dims).map(|at| self.index(at)).collect();
        places.sort_unstable();
        places.windows(2).all(|pair| pair[0] < pair[1])
    }

    /// Whether some order of the axes nests: each steps over all that the faster ones cover.
    pub fn nests(&self) -> bool {
        let covered_by = |axis: usize| (self.dims[axis] as i128 - 1) * (self.strides[axis] as i128).abs();
        self.is_empty()
            || ORDERS.iter().any(|order| {
                let mut covered = 0;
                order.iter().rev().filter(|&&axis| self.dims[axis] > 1).all(|&axis| {
                    let steps_over = (self.strides[axis] as i128).abs() > covered;
                    covered += covered_by(axis);
                    steps_over
                })
            })
    }

    pub fn reversed(mut self, axis: usize) -> Self {
        self.origin += (self.dims[axis] as i128 - 1) * self.strides[axis] as i128;
        self.strides[axis] = self.strides[axis].wrapping_neg();
        self
    }

    pub fn cropped(mut self, axis: usize, range: Range<usize>) -> Self {
        self.origin += range.start as i128 * self.strides[axis] as i128;
        self.dims[axis] = range.len();
        self
    }

    /// A layout that nests: any order of the axes, gaps between elements, any axis backwards. Where an axis has one
    /// element, any stride at all.
    pub fn nested(bytes: &mut Bytes<'_>, dims: [usize; 4]) -> Self {
        let order = bytes.pick(&ORDERS);
        let mut strides = [0; 4];
        let mut covered = 1;
        for axis in order.into_iter().rev() {
            let style = bytes.byte();
            if dims[axis] <= 1 {
                strides[axis] = if style % 4 == 3 { hostile_stride(bytes) } else { covered };
                continue;
            }
            // Mostly without gaps.
            let gap = isize::from((style >> 3).saturating_sub(24));
            let stride = covered + gap;
            covered = stride * dims[axis] as isize;
            strides[axis] = if style % 4 == 3 { -stride } else { stride };
        }
        Grid { dims, strides, origin: 0 }
    }

    /// As `nested`; elements along some axes may be one and the same.
    pub fn shared(bytes: &mut Bytes<'_>, dims: [usize; 4]) -> Self {
        let mut grid = Grid::nested(bytes, dims);
        if bytes.below(4) == 3 {
            let axis = bytes.below(4);
            grid.strides[axis] = bytes.pick(&[0, 1, -1]);
        }
        grid
    }

    /// Moved so that `guard` elements precede it; returns the length of a slice in which as many follow.
    pub fn moved_behind(mut self, guard: usize) -> Option<(Self, usize)> {
        if self.is_empty() {
            return Some((self, guard));
        }
        let [lowest, highest] = self.reach()?;
        let len = usize::try_from(highest - lowest + 1).ok()?.checked_add(2 * guard)?;
        self.origin += guard as i128 - lowest;
        Some((self, len))
    }
}

/// Every order of four axes, slowest first.
const ORDERS: [[usize; 4]; 24] = [
    [0, 1, 2, 3],
    [0, 1, 3, 2],
    [0, 2, 1, 3],
    [0, 2, 3, 1],
    [0, 3, 1, 2],
    [0, 3, 2, 1],
    [1, 0, 2, 3],
    [1, 0, 3, 2],
    [1, 2, 0, 3],
    [1, 2, 3, 0],
    [1, 3, 0, 2],
    [1, 3, 2, 0],
    [2, 0, 1, 3],
    [2, 0, 3, 1],
    [2, 1, 0, 3],
    [2, 1, 3, 0],
    [2, 3, 0, 1],
    [2, 3, 1, 0],
    [3, 0, 1, 2],
    [3, 0, 2, 1],
    [3, 1, 0, 2],
    [3, 1, 2, 0],
    [3, 2, 0, 1],
    [3, 2, 1, 0],
];
