//! Layers of many groups: several vectors of channels with rests, groups that straddle vectors, bands of several
//! blocks, rings that wrap around, edges beside a middle in place.

mod support;

use support::layers::{Layer, agree_exactly};
use support::random::Random;

fn layer(random: &mut Random) -> Layer {
    let channels = random.pick(&[[1, 1], [1, 1], [1, 2], [1, 3], [2, 2], [3, 3], [4, 4], [2, 8], [8, 8]]);
    let groups = random.between(1, 70).div_ceil(channels[0].max(channels[1]) / 2 + 1);
    if random.one_in(5) {
        let (input, kernel) = ([1, random.between(1, 300)], [1, random.between(1, 9)]);
        return Layer { channels, groups, dimensions: 1, input, kernel };
    }
    let kernel = random.pick(&[[3, 3], [5, 5], [7, 7], [2, 4], [1, 3]]);
    let input = [random.between(1, 24), random.between(1, 40)];
    Layer { channels, groups, dimensions: 2, input, kernel }
}

#[test]
fn many_groups_agree_exactly_f32() {
    agree_exactly::<f32>("depthwise", 61, layer);
}

#[test]
fn many_groups_agree_exactly_f64() {
    agree_exactly::<f64>("depthwise", 62, layer);
}
