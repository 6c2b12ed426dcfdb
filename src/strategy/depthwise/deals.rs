//! Which input channels go to which lanes.

use crate::microkernel::depthwise_tile::Deal;
use crate::problem::{Problem, gcd};

/// Most input channels of a group: each is dealt out on its own.
const MAX_GROUP_IN: usize = 16;
/// Most output channels whose inputs are dealt out: their patterns are held in memory.
const MAX_DEALT: usize = 1 << 16;

/// Whether the inputs of each vector of output channels lie in one vector, for one input channel of the groups at a
/// time.
pub(super) fn fit(problem: &Problem) -> bool {
    let lanes = problem.isa.lanes(problem.element);
    let Problem { group_in, group_out, .. } = *problem;
    // The last lane, counted from the first of its group, of the vector that starts farthest into a group.
    let last = if problem.conv.channels_out <= lanes { 0 } else { group_out - gcd(lanes, group_out) };
    let last = (last + lanes).min(problem.conv.channels_out) - 1;
    let is_dealt = group_in > 1 || group_out > 1;
    if is_dealt && problem.conv.channels_out > MAX_DEALT {
        return false;
    }
    group_in <= MAX_GROUP_IN && last / group_out * group_in < lanes
}

/// For each vector of output channels where its inputs are, and the patterns that they refer to. Whole vectors whose
/// output channels have an input channel each need none: then there is at most one, for the rest.
pub(super) fn deals(problem: &Problem) -> (Vec<Deal>, Vec<u32>) {
    let lanes = problem.isa.lanes(problem.element);
    let Problem { group_in, group_out, .. } = *problem;
    let channels = problem.conv.channels_out;
    let whole = if group_in == 1 && group_out == 1 { channels / lanes } else { 0 };
    let (mut deals, mut patterns) = (Vec::new(), Vec::new());
    for first in (whole * lanes..channels).step_by(lanes) {
        let last = (first + lanes).min(channels) - 1;
        let from_first = |channel: usize| (channel / group_out - first / group_out) * group_in;
        deals.push(Deal {
            channel: first / group_out * group_in,
            count: from_first(last) + 1,
            pattern: patterns.len(),
        });
        // Lanes without a channel take any input.
        patterns.extend((first..first + lanes).map(|channel| from_first(channel.min(last)) as u32));
    }
    (deals, patterns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::Conv;
    use crate::element_type::ElementType;

    #[test]
    fn every_lane_gets_the_input_of_its_group() {
        for (group_in, group_out) in
            [(1, 2), (1, 3), (2, 2), (3, 3), (4, 4), (1, 40), (4, 1), (16, 16), (2, 5)]
        {
            for groups in [1, 2, 7, 24] {
                let conv = Conv::d1(5, 1).channels(groups * group_in, groups * group_out).groups(groups);
                let problem = Problem::new(&conv, ElementType::F32).unwrap();
                let lanes = problem.isa.lanes(problem.element);
                let (deals, patterns) = deals(&problem);
                assert!(!fit(&problem) || deals.iter().all(|deal| deal.count <= lanes), "{conv}");
                let whole = (groups * group_out).div_ceil(lanes) - deals.len();
                for channel in whole * lanes..groups * group_out {
                    let deal = deals[channel / lanes - whole];
                    let lane = patterns[deal.pattern + channel % lanes] as usize;
                    assert!(lane < deal.count);
                    assert_eq!(deal.channel + lane, channel / group_out * group_in);
                }
            }
        }
    }
}
