//! Which part of the window meets the input: taps that lie over a border of zeros for all outputs of a rectangle are
//! left out. Only the first and the last taps can be, so that what is left is one stretch of the window's steps: whole
//! rows of taps, or taps of the only row.

use core::ops::Range;

use super::{Rectangle, Rectangles};
use crate::conv::{Border, Borders};
use crate::problem::{Axis, Problem};

/// Most rectangles along an axis that are looked at for an estimate.
const MOST_PARTS: usize = 64;

/// The steps of the window that are not zero for all outputs of the rectangle, numbered by tap row, tap column,
/// channel.
pub(in crate::strategy) fn depth_inside(problem: &Problem, at: &Rectangle) -> Range<usize> {
    let outputs = if problem.rows.taps > 1 { &at.rows } else { &at.columns };
    let step = problem.products() / trimmed(problem).0.taps;
    let taps = taps_inside(trimmed(problem), outputs);
    taps.start * step..taps.end * step
}

/// The share of the steps that the rectangles take on average.
pub(in crate::strategy) fn share_inside(problem: &Problem, rectangles: &Rectangles) -> f64 {
    let (axis, borders) = trimmed(problem);
    let each = if problem.rows.taps > 1 { rectangles.rows } else { rectangles.columns };
    let parts = axis.output.div_ceil(each);
    // Of many, some stand for all.
    let looked_at = (0..parts).step_by(parts.div_ceil(MOST_PARTS).max(1));
    let taken = |part: usize| {
        let outputs = part * each..(part * each).saturating_add(each).min(axis.output);
        taps_inside((axis, borders), &outputs).len() as f64 / axis.taps as f64
    };
    let count = looked_at.len().max(1) as f64;
    looked_at.map(taken).sum::<f64>() / count
}

/// Whether much of an only row of taps lies over zeros, other taps for each output, so that fewer outputs leave out
/// more.
pub(in crate::strategy) fn leaves_much_out(problem: &Problem) -> bool {
    let (columns, [left, right]) = trimmed(problem);
    let outside = |padding: usize, border: Border| {
        let padding = if border == Border::Zero { padding.min(columns.extent) as f64 } else { 0.0 };
        padding * padding / 2.0
    };
    let outside = outside(columns.before, left) + outside(columns.after, right);
    problem.rows.taps == 1 && 4.0 * outside > columns.output as f64 * columns.extent as f64
}

/// The axis along which taps are left out, with its borders: rows, if there are several rows of taps. Rows are extended
/// first: one of constants has them in every column, whatever the border of the columns.
fn trimmed(problem: &Problem) -> (&Axis, [Border; 2]) {
    let Borders { top, bottom, left, right } = problem.conv.border;
    let constant = [top, bottom].into_iter().find(|border| matches!(border, Border::Constant(_)));
    match constant {
        _ if problem.rows.taps > 1 => (&problem.rows, [top, bottom]),
        Some(constant) => (&problem.columns, [constant; 2]),
        None => (&problem.columns, [left, right]),
    }
}

/// The taps of an axis that have an input, or a border that is not zero, under one of the outputs.
fn taps_inside((axis, borders): (&Axis, [Border; 2]), outputs: &Range<usize>) -> Range<usize> {
    if outputs.is_empty() {
        return 0..axis.taps;
    }
    let taps = |reach: isize| (reach.max(0) as usize).div_ceil(axis.dilation).min(axis.taps);
    let end = match borders[1] {
        Border::Zero => taps(axis.input as isize - axis.start(outputs.start)),
        _ => axis.taps,
    };
    let start = if borders[0] == Border::Zero { taps(-axis.start(outputs.end - 1)) } else { 0 };
    start.min(end)..end
}
