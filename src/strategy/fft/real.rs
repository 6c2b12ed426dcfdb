//! Tiles of any good length, transformed one by one on rustfft and realfft: for arrays that a power of two fits badly.
//!
//! ```text
//! for each tile of the output:
//!     for each input channel:   X[c] = transform of the input under the tile, through the window
//!     for each output channel:  y = transform back of sum over c of X[c] * conj(H[output][c])
//! ```

use num_complex::Complex;
use rustfft::FftNum;

use super::super::{Estimate, Packing, Prepared};
use super::real_tiling::Tiling;
use crate::call::Call;
use crate::conv::Operation;
use crate::cost::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::fft::RealFft2d;
use crate::microkernel::spectrum::{FinishRow, SpectrumProduct};
use crate::microkernel::{Finish, Vouched};
use crate::problem::{Axis, Problem};
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::take;

/// What it would cost, or why it cannot be had.
pub(super) fn estimate(problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
    let (tiling, seconds) = Tiling::cheapest(problem, machine)?;
    Ok(Estimate { seconds, workspace: tiling.workspace(problem, tiling.scratch_len()) })
}

pub(super) fn prepare<T: Element + FftNum>(
    problem: &Problem,
    machine: &Machine,
) -> Result<Box<dyn Prepared<T>>, Error> {
    let declined = |reason| Error::Declined { strategy: "fft", reason };
    let (tiling, _) = Tiling::cheapest(problem, machine).map_err(declined)?;
    // The planner's tables are about as large as the workspace; it would abort where they cannot be had.
    let bytes = tiling.workspace(problem, tiling.scratch_len()).saturating_mul(2);
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| Error::OutOfMemory { bytes })?;
    let fft = RealFft2d::new(tiling.transform());
    Ok(Box::new(RealPlan::<T> {
        scratch: tiling.scratch_len().max(fft.scratch_len()),
        fft,
        tiling,
        extensions: Extensions::new(problem.conv.border),
        finish: Finish::new(&problem.conv),
        problem: problem.clone(),
    }))
}

struct RealPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    tiling: Tiling,
    fft: RealFft2d<T>,
    /// Complex values of transform scratch.
    scratch: usize,
}

/// Memory of one task.
struct Buffers<'a, T> {
    /// Spectra of the input channels of a group.
    inputs: &'a mut [Complex<T>],
    sums: &'a mut [Complex<T>],
    lines: &'a mut [Complex<T>],
    scratch: &'a mut [Complex<T>],
    image: &'a mut [T],
}

/// A tile of the output of a group.
struct Tile {
    item: usize,
    group: usize,
    /// First output and their number, rows and columns.
    first: [usize; 2],
    outputs: [usize; 2],
}

impl<T: Element + FftNum> Prepared<T> for RealPlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        let [rows, columns] = self.tiling.transform();
        Packing {
            strategy: "fft",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [rows, columns, problem.rows.dilation, problem.columns.dilation],
            len: self.tiling.packed_len(problem).unwrap_or(0),
            scratch: rows * columns
                + 2 * (RealFft2d::<T>::lines_len([rows, columns]) + self.fft.scratch_len()),
        }
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], scratch: &mut [T]) {
        let kernel = self.problem.oriented(kernel);
        let [_, inputs, rows, columns] = kernel.dims();
        let [row_step, column_step] = [self.problem.rows.dilation, self.problem.columns.dilation];
        let [height, width] = self.tiling.transform();
        let scale = <T as Element>::from_f64(1.0 / (height as f64 * width as f64));
        let used = self.problem.rows.extent;
        let (image, complex) = scratch.split_at_mut(height * width);
        let (lines, complex) =
            as_complex_mut(complex).split_at_mut(RealFft2d::<T>::lines_len([height, width]));
        for (i, spectrum) in packed.chunks_exact_mut(2 * self.fft.spectrum_len()).enumerate() {
            image[..used * width].fill(T::default());
            for row in 0..rows {
                for column in 0..columns {
                    let tap = kernel.get([i / inputs, i % inputs, row, column]).unwrap_or_default();
                    image[row * row_step * width + column * column_step] = tap;
                }
            }
            let spectrum = as_complex_mut(spectrum);
            self.fft.forward(&mut image[..used * width], spectrum, lines, complex);
            spectrum.iter_mut().for_each(|value| *value = value.conj() * scale);
        }
    }

    fn tasks(&self) -> usize {
        let problem = &self.problem;
        problem.batch() * problem.groups() * self.tiling.rows.tiles * self.tiling.columns.tiles
    }

    fn workspace(&self) -> usize {
        self.tiling.workspace(&self.problem, self.scratch)
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let problem = &self.problem;
        let tile = self.tile(task);
        let buffers = &mut self.buffers(workspace);
        let len = self.fft.spectrum_len();
        for channel in 0..problem.group_in {
            self.transform_input(call, &tile, channel, buffers);
        }
        for output in tile.group * problem.group_out..(tile.group + 1) * problem.group_out {
            let kernel = &call.packed[output * problem.group_in * 2 * len..];
            for channel in 0..problem.group_in {
                let product = SpectrumProduct {
                    sums: as_real_mut(buffers.sums),
                    inputs: as_real(&buffers.inputs[channel * len..(channel + 1) * len]),
                    kernel: &kernel[channel * 2 * len..(channel + 1) * 2 * len],
                    is_first: channel == 0,
                };
                T::dispatch(problem.isa, product);
            }
            self.write_output(call, &tile, output, buffers);
        }
    }
}

impl<T: Element + FftNum> RealPlan<T> {
    fn tile(&self, task: usize) -> Tile {
        let (problem, Tiling { rows, columns }) = (&self.problem, &self.tiling);
        let (task, x) = (task / columns.tiles, task % columns.tiles);
        let (task, y) = (task / rows.tiles, task % rows.tiles);
        let first = [y * rows.outputs, x * columns.outputs];
        let outputs = [
            rows.outputs.min(problem.rows.output - first[0]),
            columns.outputs.min(problem.columns.output - first[1]),
        ];
        Tile { item: task / problem.groups(), group: task % problem.groups(), first, outputs }
    }

    fn buffers<'a>(&self, mut memory: &'a mut [u8]) -> Buffers<'a, T> {
        let len = self.fft.spectrum_len();
        let [rows, columns] = self.tiling.transform();
        let (inputs, sums) =
            take(&mut memory, (self.problem.group_in + 1) * len).split_at_mut(self.problem.group_in * len);
        let lines = take(&mut memory, RealFft2d::<T>::lines_len([rows, columns]));
        let scratch = take(&mut memory, self.scratch);
        Buffers { inputs, sums, lines, scratch, image: take(&mut memory, rows * columns) }
    }

    /// Reads the input under a tile and transforms it.
    fn transform_input(&self, call: &Call<'_, T>, tile: &Tile, channel: usize, buffers: &mut Buffers<'_, T>) {
        let problem = &self.problem;
        let width = self.tiling.columns.transform;
        let under = |axis: &Axis, outputs: usize| (outputs - 1) * axis.stride + axis.extent;
        let [rows, columns] =
            [under(&problem.rows, tile.outputs[0]), under(&problem.columns, tile.outputs[1])];
        let plane = call.plane(problem, tile.item, tile.group * problem.group_in + channel, &self.extensions);
        let (y, x) = (problem.rows.start(tile.first[0]), problem.columns.start(tile.first[1]));
        let image = &mut buffers.image[..rows * width];
        for (row, y) in image.chunks_exact_mut(width).zip(y..) {
            let (inside, rest) = row.split_at_mut(columns);
            plane.read(y, x, 1, inside);
            rest.fill(T::default());
        }
        let len = self.fft.spectrum_len();
        let spectrum = &mut buffers.inputs[channel * len..(channel + 1) * len];
        self.fft.forward(image, spectrum, buffers.lines, buffers.scratch);
    }

    /// Transforms the sums back and writes the outputs of a tile.
    fn write_output(&self, call: &Call<'_, T>, tile: &Tile, output: usize, buffers: &mut Buffers<'_, T>) {
        let problem = &self.problem;
        let width = self.tiling.columns.transform;
        let [row_step, column_step] = [problem.rows.stride, problem.columns.stride];
        let kept = (tile.outputs[0] - 1) * row_step + 1;
        let image = &mut buffers.image[..kept * width];
        self.fft.backward(buffers.sums, image, buffers.lines, buffers.scratch);
        let strides = &call.output_strides;
        for (r, row) in image.chunks_exact_mut(width).step_by(row_step).enumerate() {
            if column_step > 1 {
                (1..tile.outputs[1]).for_each(|i| row[i] = row[i * column_step]);
            }
            let offset = tile.item as isize * strides[0]
                + output as isize * strides[1]
                + (tile.first[0] + r) as isize * strides[2]
                + tile.first[1] as isize * strides[3];
            let finish = FinishRow {
                sums: &row[..tile.outputs[1]],
                bias: call.bias(output),
                output: call.output.wrapping_offset(offset),
                step: strides[3],
                finish: self.finish,
                // SAFETY: the outputs of the tile are in the output view, whose shape was checked.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, finish);
        }
    }
}

fn as_real<T>(values: &[Complex<T>]) -> &[T] {
    // SAFETY: `Complex` is `repr(C)`: two values side by side.
    unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), 2 * values.len()) }
}

fn as_real_mut<T>(values: &mut [Complex<T>]) -> &mut [T] {
    // SAFETY: as in `as_real`.
    unsafe { core::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), 2 * values.len()) }
}

fn as_complex_mut<T>(values: &mut [T]) -> &mut [Complex<T>] {
    // SAFETY: as in `as_real`; an odd value at the end is left out.
    unsafe { core::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len() / 2) }
}
