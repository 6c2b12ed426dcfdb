//! Kernels laid out for lanes along output channels: panels of a few vectors of channels, each with the whole depth.

use core::ops::Range;

use super::panels::row_panels;
use crate::microkernel::channel_tile::max_vectors;
use crate::problem::Problem;

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
        ChannelPanels {
            channels: problem.group_out,
            lanes: problem.isa.lanes(problem.element),
            most_vectors: max_vectors(problem.isa.registers()),
        }
    }

    /// Lanes and vectors, which the layout depends on.
    pub(crate) fn tiles(&self) -> [usize; 2] {
        [self.lanes, self.most_vectors]
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

    /// Lays out `value(channel, k)` for `k < depth`; fills `width() * depth` values, with zeros for idle lanes.
    pub(crate) fn pack<T: Copy + Default>(
        self,
        packed: &mut [T],
        depth: usize,
        value: impl Fn(usize, usize) -> T,
    ) {
        for (to, place) in packed.iter_mut().zip(self.places(depth)) {
            *to = place.map_or(T::default(), |[channel, k]| value(channel, k));
        }
    }

    /// Channel and step of each value of a packed kernel, in its order; `None` for idle lanes.
    pub(crate) fn places(self, depth: usize) -> impl Iterator<Item = Option<[usize; 2]>> {
        self.panels(0..self.count()).flat_map(move |panel| {
            let width = panel.vectors * self.lanes;
            (0..depth * width).map(move |index| {
                let (channel, k) = (panel.first + index % width, index / width);
                (channel < self.channels).then_some([channel, k])
            })
        })
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
        panels.pack(&mut packed, 2, |channel, k| 10 * channel + k + 1);
        assert_eq!(packed, [1, 11, 21, 31, 2, 12, 22, 32, 41, 0, 42, 0]);
        let last = panels.panels(1..2).next().unwrap();
        assert_eq!(panels.start(&last, 2, 1), 10);
    }
}
