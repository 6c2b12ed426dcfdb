//! How `winograd` cuts a problem, and what that costs.

use crate::conv::Layout;
use crate::cost::{Machine, WinogradShape, winograd_seconds};
use crate::gemm::ChannelPanels;
use crate::microkernel::channel_tile::max_vectors;
use crate::problem::{Axis, Problem};
use crate::winograd::Minimal;
use crate::workspace::Booking;

/// Tiles of a task where the kernel is streamed from beyond the second-level cache.
const TASK_TILES: usize = 48;

/// The kinds of the axes and the sizes of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) kinds: [Minimal; 2],
    /// Tiles of a task along rows and columns.
    pub(super) tiles: [usize; 2],
    /// Panels of output channels in a task.
    pub(super) panels: usize,
    /// Input channels in a block.
    pub(super) depth: usize,
    pub(super) seconds: f64,
}

/// The ways to compute an axis.
fn candidates(axis: &Axis) -> &'static [Minimal] {
    if axis.taps == 1 { &[Minimal::F1x1] } else { &[Minimal::F2x3, Minimal::F4x3] }
}

impl Cut {
    /// The cheapest. What is cheapest for one item is taken for all, so that an item has the same bits in any batch.
    pub(super) fn best(problem: &Problem, machine: &Machine) -> Self {
        let pairs = candidates(&problem.rows)
            .iter()
            .flat_map(|&rows| candidates(&problem.columns).iter().map(move |&columns| [rows, columns]));
        let cuts = pairs.map(|kinds| Self::new(problem, machine, kinds, 1));
        let best = cuts.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).expect("every axis has a kind");
        Self::new(problem, machine, best.kinds, problem.batch().max(1))
    }

    fn new(problem: &Problem, machine: &Machine, kinds: [Minimal; 2], batch: usize) -> Self {
        let size = problem.element.size();
        let panels = ChannelPanels::new(problem);
        let all = Self::all_tiles(problem, kinds);
        let points = kinds[0].tile() * kinds[1].tile();
        let kernel = points.saturating_mul(problem.group_in).saturating_mul(panels.width() * size);
        let each = (points * size).saturating_mul(problem.group_in.saturating_add(panels.width()));
        let in_cache = (machine.l2 / 2 / each).max(12);
        let most = if kernel <= machine.l2 / 2 { in_cache } else { in_cache.max(TASK_TILES) };
        let evenly = |all: usize, most: usize| all.div_ceil(all.div_ceil(most.max(1)).max(1)).max(1);
        let columns = evenly(all[1], most);
        let rows = evenly(all[0], most / columns);
        let groups = all[0].div_ceil(rows).saturating_mul(all[1].div_ceil(columns));
        // Parts of the channels transform the same inputs anew: worth it for many channels and few groups of tiles.
        let groups = groups.saturating_mul(batch).saturating_mul(problem.groups()).max(1);
        let parts = (1 + panels.width() / 128).min(4usize.div_ceil(groups)).min(panels.count());
        let step = max_vectors(problem.isa.registers()) * problem.isa.lanes(problem.element) * size;
        let mut cut = Cut {
            kinds,
            tiles: [rows, columns],
            panels: panels.count().div_ceil(parts),
            depth: evenly(problem.group_in, (machine.l1 * 2 / 3 / step).max(32)),
            seconds: 0.0,
        };
        let shape = WinogradShape {
            points,
            items: batch * problem.groups(),
            tiles: all[0] * all[1],
            tasks: groups,
            parts: panels.count().div_ceil(cut.panels),
            task_bytes: rows.saturating_mul(columns).saturating_mul(each),
        };
        cut.seconds = winograd_seconds(problem, machine, &shape);
        cut
    }

    /// Tiles along rows and columns of the output.
    fn all_tiles(problem: &Problem, kinds: [Minimal; 2]) -> [usize; 2] {
        [
            problem.rows.output.div_ceil(kinds[0].outputs()),
            problem.columns.output.div_ceil(kinds[1].outputs()),
        ]
    }

    /// Tasks along rows, columns and panels.
    pub(super) fn tasks(&self, problem: &Problem) -> [usize; 3] {
        let [rows, columns] = Self::all_tiles(problem, self.kinds);
        let panels = ChannelPanels::new(problem).count();
        [rows.div_ceil(self.tiles[0]), columns.div_ceil(self.tiles[1]), panels.div_ceil(self.panels)]
    }

    pub(super) fn points(&self) -> usize {
        self.kinds[0].tile() * self.kinds[1].tile()
    }

    /// Tiles of a task.
    pub(super) fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// Inputs under a task: rows and columns.
    pub(super) fn band(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            let kind = self.kinds[axis];
            (self.tiles[axis] - 1) * kind.outputs() + kind.tile()
        })
    }

    /// Outputs of a task: rows and columns.
    pub(super) fn outputs(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.tiles[axis] * self.kinds[axis].outputs())
    }

    /// Values from a tile to the next among transformed inputs.
    pub(super) fn input_pitch(&self, problem: &Problem) -> usize {
        problem.group_in.next_multiple_of(problem.isa.lanes(problem.element))
    }

    /// Values from a tile to the next among products.
    pub(super) fn product_pitch(&self, problem: &Problem) -> usize {
        let most = max_vectors(problem.isa.registers()) * problem.isa.lanes(problem.element);
        ChannelPanels::new(problem).width().min(self.panels.saturating_mul(most))
    }

    /// Values from a point to the next: an odd number of cache lines, so that points do not compete for the same
    /// places of the cache.
    pub(super) fn point_step(&self, problem: &Problem, pitch: usize) -> usize {
        let line = 64 / problem.element.size();
        (self.count().saturating_mul(pitch).div_ceil(line) | 1).saturating_mul(line)
    }

    /// Values in the buffers of a task.
    pub(super) fn buffers(&self, problem: &Problem) -> Buffers {
        let [band_rows, band_columns] = self.band();
        let patch = self.points().saturating_mul(problem.group_in);
        let band = (band_rows * band_columns).saturating_mul(problem.group_in);
        let [rows, columns] = self.outputs();
        Buffers {
            // Which of the two is needed depends on the views.
            inputs: if problem.conv.input_layout == Layout::Nhwc && problem.group_in > 1 {
                patch
            } else {
                band
            },
            transformed: self.points().saturating_mul(self.point_step(problem, self.input_pitch(problem))),
            products: self.points().saturating_mul(self.point_step(problem, self.product_pitch(problem))),
            outputs: rows * columns * problem.isa.lanes(problem.element),
            tiles: self.count(),
        }
    }
}

/// Sizes of the buffers of a task, in values.
pub(super) struct Buffers {
    /// Copied inputs.
    pub(super) inputs: usize,
    pub(super) transformed: usize,
    pub(super) products: usize,
    /// One vector of channels, before it is transposed.
    pub(super) outputs: usize,
    pub(super) tiles: usize,
}

impl Buffers {
    pub(super) fn bytes<T>(&self) -> usize {
        Booking::new()
            .add::<T>(self.inputs)
            .add::<T>(self.transformed)
            .add::<T>(self.products)
            .add::<T>(self.outputs)
            .add::<*const T>(self.tiles)
            .bytes()
    }
}
