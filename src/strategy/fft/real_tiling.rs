//! How the output is cut into transforms, and what that costs.

use crate::cost::{Constants, Machine};
use crate::error::Declined;
use crate::fft::{good_size, good_sizes};
use crate::problem::{Axis, Problem};
use crate::workspace::Booking;

/// How one axis is cut into transforms.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisTiling {
    /// Length of a transform.
    pub(super) transform: usize,
    /// Outputs kept of each.
    pub(super) outputs: usize,
    pub(super) tiles: usize,
}

impl AxisTiling {
    /// With transforms of this length, if they are long enough for one output.
    fn new(axis: &Axis, transform: usize) -> Option<Self> {
        let outputs = transform.checked_sub(axis.extent)? / axis.stride + 1;
        Some(AxisTiling { transform, outputs, tiles: axis.output.div_ceil(outputs) })
    }

    /// Every good length that makes sense: from one output to all of them. Where the kernel has one tap, there is
    /// nothing to transform.
    fn candidates(axis: &Axis) -> impl Iterator<Item = AxisTiling> {
        let axis = *axis;
        let whole = (axis.output.max(1) - 1) * axis.stride + axis.extent;
        let longest = good_size(whole).unwrap_or(usize::MAX);
        let lengths =
            good_sizes().skip_while(move |&len| len < axis.extent).take_while(move |&len| len <= longest);
        let is_single = axis.taps == 1;
        let single = is_single.then_some(AxisTiling { transform: 1, outputs: 1, tiles: axis.output });
        let several = if is_single { None } else { Some(lengths) };
        single
            .into_iter()
            .chain(several.into_iter().flatten().filter_map(move |len| AxisTiling::new(&axis, len)))
    }

    /// Inputs under the outputs of a tile.
    fn inputs(&self, axis: &Axis) -> usize {
        (self.outputs.min(axis.output).max(1) - 1) * axis.stride + axis.extent
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    pub(super) rows: AxisTiling,
    pub(super) columns: AxisTiling,
}

impl Tiling {
    /// The cheapest tiling that the workspace limit allows, with its predicted seconds.
    pub(super) fn cheapest(problem: &Problem, machine: &Machine) -> Result<(Self, f64), Declined> {
        let limit = problem.conv.workspace_limit;
        let (mut best, mut least_memory) = (None, usize::MAX);
        for rows in AxisTiling::candidates(&problem.rows) {
            for columns in AxisTiling::candidates(&problem.columns) {
                let tiling = Tiling { rows, columns };
                let memory = tiling.workspace(problem, tiling.scratch_len());
                least_memory = least_memory.min(memory);
                if memory > limit || tiling.packed_len(problem).is_none() {
                    continue;
                }
                let seconds = tiling.seconds(problem, machine);
                if best.is_none_or(|(_, least)| seconds < least) {
                    best = Some((tiling, seconds));
                }
            }
        }
        best.ok_or(Declined::Workspace { needed: least_memory, limit })
    }

    pub(super) fn transform(&self) -> [usize; 2] {
        [self.rows.transform, self.columns.transform]
    }

    /// Complex values of one spectrum; saturates.
    fn spectrum_len(&self) -> usize {
        self.rows.transform.saturating_mul(self.columns.transform / 2 + 1)
    }

    /// Real values of the packed kernel, if they can be addressed.
    pub(super) fn packed_len(&self, problem: &Problem) -> Option<usize> {
        let spectra = problem.conv.channels_out.checked_mul(problem.group_in)?;
        let len = spectra.checked_mul(self.spectrum_len())?.checked_mul(2)?;
        (len <= isize::MAX as usize / problem.element.size()).then_some(len)
    }

    /// Complex values of transform scratch that good sizes need at most.
    pub(super) fn scratch_len(&self) -> usize {
        self.rows.transform.max(self.columns.transform).saturating_mul(2)
    }

    /// Bytes of workspace of a task, with so many complex values of transform scratch.
    pub(super) fn workspace(&self, problem: &Problem, scratch: usize) -> usize {
        let real = problem.element.size();
        let spectra = problem.group_in.saturating_add(1).saturating_mul(self.spectrum_len());
        let lines = if self.rows.transform > 1 { self.spectrum_len() } else { 0 };
        let image = self.rows.transform.saturating_mul(self.columns.transform);
        // In units of one real value, so that the element type does not matter here.
        let complex = |len: usize| len.saturating_mul(2).saturating_mul(real);
        Booking::new()
            .add::<u8>(complex(spectra))
            .add::<u8>(complex(lines))
            .add::<u8>(complex(scratch))
            .add::<u8>(image.saturating_mul(real))
            .bytes()
    }

    fn seconds(&self, problem: &Problem, machine: &Machine) -> f64 {
        let [inputs, outputs] = [problem.group_in as f64, problem.group_out as f64];
        let tiles =
            (problem.batch() * problem.groups()) as f64 * self.rows.tiles as f64 * self.columns.tiles as f64;
        let used = self.rows.inputs(&problem.rows).min(self.rows.transform) as f64;
        let kept = self.rows.inputs(&problem.rows).saturating_sub(problem.rows.extent - 1).max(1) as f64;
        let fft = Constants::fft(problem, machine, self.transform());
        let forward = used * fft.along_row + fft.along_columns;
        let backward = kept * fft.along_row + fft.along_columns;
        // Spectra that do not stay in the second-level cache are streamed through it for every output channel.
        let spectrum = self.spectrum_len().saturating_mul(2 * problem.element.size());
        let kernel = spectrum.saturating_mul(problem.conv.channels_out).saturating_mul(problem.group_in);
        let streams = [kernel, spectrum.saturating_mul(problem.group_in)];
        let streamed = streams.iter().filter(|&&bytes| bytes > machine.l2).count() as f64;
        let product = self.spectrum_len() as f64 * (fft.product + streamed * fft.stream);
        fft.tile + tiles * (fft.tile + inputs * forward + outputs * (inputs * product + backward))
    }
}
