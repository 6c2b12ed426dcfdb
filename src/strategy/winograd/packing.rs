//! The kernel transformed and laid out for the products.

use super::WinogradPlan;
use crate::element::Element;
use crate::gemm::{ChannelPanel, ChannelPanels};
use crate::microkernel::winograd_kernel::KernelTransform;
use crate::problem::Problem;
use crate::view::View;
use crate::winograd::{Family, MAX_TAPS, Minimal};

/// Values that packing takes: the taps of a piece for the output channels of a panel.
pub(super) fn scratch(problem: &Problem) -> usize {
    MAX_TAPS * MAX_TAPS * ChannelPanels::new(problem).most_channels()
}

impl<T: Element> WinogradPlan<T> {
    /// Point by point the kernel of a family, as [`ChannelPanels`](crate::gemm::ChannelPanels) lays it out, but with
    /// zeros in all idle lanes: the steps are pieces and input channels.
    pub(super) fn pack_family(
        &self,
        kernel: &View<'_, T>,
        group: usize,
        family: &Family<'_>,
        packed: &mut [T],
        scratch: &mut [T],
    ) {
        let problem = &self.problem;
        let depth = problem.group_in * family.count();
        let point_step = packed.len() / family.points();
        let matrices = family.kinds().map(Minimal::kernel_matrix);
        for panel in self.panels.panels(0..self.panels.count()) {
            let width = panel.vectors * problem.isa.lanes(T::TYPE);
            let taps = family.kinds().iter().map(|kind| kind.taps).product::<usize>() * width;
            let steps =
                family.taps().flat_map(|first| (0..problem.group_in).map(move |input| (first, input)));
            for (k, (first, input)) in steps.enumerate() {
                self.read_piece(kernel, [group, input], &panel, family, first, &mut scratch[..taps]);
                let transform = KernelTransform {
                    kinds: family.kinds(),
                    matrices,
                    taps: &scratch[..taps],
                    channels: width,
                    to: &mut packed[self.panels.start(&panel, depth, k)..],
                    point_step,
                };
                T::dispatch(problem.isa, transform);
            }
        }
    }

    /// The taps of a piece, `taps[row][column][output channel of the panel]`, with zeros for idle lanes.
    fn read_piece(
        &self,
        kernel: &View<'_, T>,
        [group, input]: [usize; 2],
        panel: &ChannelPanel,
        family: &Family<'_>,
        [first_row, first_column]: [usize; 2],
        taps: &mut [T],
    ) {
        let [row_step, column_step] = self.cut.pieces.map(|pieces| pieces.step);
        let [_, columns] = family.kinds().map(|kind| kind.taps);
        let width = panel.vectors * self.problem.isa.lanes(T::TYPE);
        for (tap, values) in taps.chunks_exact_mut(width).enumerate() {
            let (row, column) = (tap / columns, tap % columns);
            let [row, column] = [first_row + row * row_step, first_column + column * column_step];
            let (channels, idle) = values.split_at_mut(panel.channels);
            let channel = group * self.problem.group_out + panel.first;
            kernel.read_first_axis([channel, input, row, column], channels);
            idle.fill(T::default());
        }
    }
}
