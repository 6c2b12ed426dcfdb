//! How the work is cut where lanes run along the output channels.

use crate::conv::Layout;
use crate::cost::Machine;
use crate::gemm::ChannelPanels;
use crate::microkernel::channel_tile::Run;
use crate::problem::Problem;
use crate::strategy::canvas::{Rectangles, buffer_values, is_unpadded, leaves_much_out, most_runs};
use crate::workspace::Booking;

/// As many tasks are made where the channels can be dealt out.
const TASKS: usize = 8;

/// Output channels for which transposing inputs takes a small part of the time.
const TRANSPOSED_CHANNELS: usize = 256;

/// Outputs of a task where much of its windows lies over zeros, which fewer leave out more of: a tile.
const DEEP_PIXELS: usize = 10;

/// Sizes of a task and of its parts.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// Outputs of a task.
    pub(super) rectangles: Rectangles,
    /// Panels of a task.
    pub(super) panels: usize,
    /// Steps in a block of the depth.
    pub(super) depth: usize,
}

impl Cut {
    /// `None` where even the inputs under a few outputs are too many to copy.
    pub(super) fn new(problem: &Problem, machine: &Machine) -> Option<Self> {
        let size = problem.element.size();
        let evenly = |all: usize, most: usize| all.div_ceil(all.div_ceil(most.max(1)));
        let pixels = Self::pixels_worth_a_kernel(problem, machine);
        let rectangles = Rectangles::new(problem, machine, pixels)?;
        let places = rectangles.counts(problem).into_iter().fold(1, usize::saturating_mul).max(1);
        let places = places.saturating_mul(problem.batch().max(1)).saturating_mul(problem.groups());
        let all_panels = ChannelPanels::new(problem).count();
        let dealt_out = all_panels / TASKS.div_ceil(places).min(all_panels);
        let panels = evenly(all_panels, dealt_out.max(Self::panels_worth_a_copy(problem)).min(all_panels));
        let step = ChannelPanels::new(problem).most_channels() * size;
        // A block of a panel stays in the second-level cache; blocks of that depth cost nothing.
        let depth = evenly(problem.products(), (machine.l2 / 8 / step).max(32));
        Some(Cut { rectangles, panels, depth })
    }

    /// Outputs of a channel in a task: so many that streaming the kernel through the caches once more pays, and so few
    /// that their inputs and outputs stay near.
    fn pixels_worth_a_kernel(problem: &Problem, machine: &Machine) -> usize {
        let width = ChannelPanels::new(problem).width();
        let kernel = problem.products().saturating_mul(width).saturating_mul(problem.element.size());
        match () {
            () if leaves_much_out(problem) => DEEP_PIXELS,
            () if kernel > machine.l2 / 2 => 256,
            () if !is_unpadded(problem) => 96,
            () => (machine.l2 / 32 / (width * problem.element.size())).clamp(64, 256),
        }
    }

    /// Panels of a task, which has a copy of its inputs: transposing them must not take longer than computing.
    fn panels_worth_a_copy(problem: &Problem) -> usize {
        let is_transposed = problem.conv.input_layout == Layout::Nchw && problem.group_in > 1;
        if is_transposed {
            TRANSPOSED_CHANNELS.div_ceil(ChannelPanels::new(problem).most_channels())
        } else {
            1
        }
    }

    /// Values of a pixel in the results: a whole panel.
    pub(super) fn pitch(&self, problem: &Problem) -> usize {
        let panels = ChannelPanels::new(problem);
        panels.most_channels().min(panels.width())
    }

    /// Parts that the panels are cut into.
    pub(super) fn parts(&self, problem: &Problem) -> usize {
        ChannelPanels::new(problem).count().div_ceil(self.panels)
    }

    /// Values in the buffers of a task: the copied inputs, and the outputs of a panel.
    pub(super) fn buffers(&self, problem: &Problem) -> [usize; 2] {
        [buffer_values(problem, &self.rectangles), self.rectangles.pixels() * self.pitch(problem)]
    }

    pub(super) fn workspace<T>(&self, problem: &Problem) -> usize {
        let [copied, results] = self.buffers(problem);
        Booking::new()
            .add::<T>(copied)
            .add::<T>(results)
            .add::<*const T>(self.rectangles.pixels())
            .add::<isize>(self.rectangles.pixels())
            .add::<Run>(most_runs(problem, self.depth))
            .bytes()
    }
}
