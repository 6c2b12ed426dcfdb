//! Kernels laid out for lanes along output channels: panels of a few vectors of channels, each with the whole depth.

use core::ops::Range;

use super::panels::row_panels;
use crate::microkernel::channel_tile::{WIDEST, max_vectors};
use crate::problem::Problem;

/// Most products of an output of which the widest tiles are taken, where they hold whole pixels: so few that the
/// weights stay in the first-level cache, and that writing takes as long as computing. Outputs are written fastest in
/// their order.
const FEW_PRODUCTS: usize = 64;

/// How the output channels of a group are cut into panels of nearly as many vectors each: 3 + 3 vectors beat 4 + 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelPanels {
    channels: usize,
    lanes: usize,
    most_vectors: usize,
}

/// Neighbouring output channels, in whole vectors; the last may have idle lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelPanel {
    pub(crate) first: usize,
    pub(crate) channels: usize,
    pub(crate) vectors: usize,
}

impl ChannelPanels {
    pub(crate) fn new(problem: &Problem) -> Self {
        let (registers, lanes) = (problem.isa.registers(), problem.isa.lanes(problem.element));
        let is_wide = registers >= 32
            && problem.group_out.div_ceil(lanes) == WIDEST
            && problem.products() <= FEW_PRODUCTS;
        ChannelPanels {
            channels: problem.group_out,
            lanes,
            most_vectors: if is_wide { WIDEST } else { max_vectors(registers) },
        }
    }

    /// Lanes and vectors, which the layout depends on.
    pub(crate) fn tiles(&self) -> [usize; 2] {
        [self.lanes, self.most_vectors]
    }

    /// Most channels of a panel, with those that fill the last vector.
    pub(crate) fn most_channels(&self) -> usize {
        self.most_vectors * self.lanes
    }

    pub(crate) fn count(&self) -> usize {
        self.channels.div_ceil(self.lanes).div_ceil(self.most_vectors)
    }

    /// Panels `range` of all.
    pub(crate) fn panels(self, range: Range<usize>) -> impl Iterator<Item = ChannelPanel> {
        let all = row_panels(self.channels.div_ceil(self.lanes), self.most_vectors);
        all.skip(range.start).take(range.len()).map(move |vectors| {
            let first = vectors.start * self.lanes;
            let channels = (self.channels - first).min(vectors.len() * self.lanes);
            ChannelPanel { first, channels, vectors: vectors.len() }
        })
    }

    /// Channels with those that fill the last vector.
    pub(crate) fn width(&self) -> usize {
        self.channels.next_multiple_of(self.lanes)
    }

    /// Where step `k` of a depth of `depth` steps starts in a panel of the packed kernel of a group.
    pub(crate) fn start(&self, panel: &ChannelPanel, depth: usize, k: usize) -> usize {
        panel.first * depth + k * panel.vectors * self.lanes
    }

    /// Lays out a kernel: `read` gets a step `k < depth`, a channel, and room for the values of that step of the
    /// channel and those that follow it. Fills `width() * depth` values: idle lanes with zeros, or, where half of a
    /// vector is idle, with the other half once more.
    pub(crate) fn pack<T: Copy + Default>(
        self,
        packed: &mut [T],
        depth: usize,
        read: impl Fn(usize, usize, &mut [T]),
    ) {
        for panel in self.panels(0..self.count()) {
            let width = panel.vectors * self.lanes;
            let packed = &mut packed[self.start(&panel, depth, 0)..][..depth * width];
            for (k, step) in packed.chunks_exact_mut(width).enumerate() {
                let (channels, idle) = step.split_at_mut(panel.channels);
                read(k, panel.first, channels);
                idle.fill(T::default());
                if 2 * idle.len() >= self.lanes {
                    let middle = width - self.lanes / 2;
                    step.copy_within(width - self.lanes..middle, middle);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_balanced_and_cover() {
        let panels = ChannelPanels { channels: 77, lanes: 16, most_vectors: 4 };
        let cut: Vec<_> = panels.panels(0..panels.count()).collect();
        assert_eq!(
            cut,
            [
                ChannelPanel { first: 0, channels: 48, vectors: 3 },
                ChannelPanel { first: 48, channels: 29, vectors: 2 }
            ]
        );
        assert_eq!(panels.panels(1..2).collect::<Vec<_>>(), cut[1..]);
        assert_eq!(panels.width(), 80);
    }

    #[test]
    fn packing_follows_panels_then_depth() {
        let panels = ChannelPanels { channels: 5, lanes: 2, most_vectors: 2 };
        let mut packed = [99; 6 * 2];
        panels.pack(&mut packed, 2, |k, first, channels| {
            (first..).zip(channels).for_each(|(channel, value)| *value = 10 * channel + k + 1);
        });
        assert_eq!(packed, [1, 11, 21, 31, 2, 12, 22, 32, 41, 41, 42, 42]);
        let last = panels.panels(1..2).next().unwrap();
        assert_eq!(panels.start(&last, 2, 1), 10);
    }
}
