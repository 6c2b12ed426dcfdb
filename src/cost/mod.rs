//! What things cost: the machine's caches, and the constants and formulas of the cost model.

mod channels;
mod constants;
mod depthwise;
mod dot;
mod fft;
mod machine;
mod planes;
#[cfg(feature = "fft")]
mod real_fft;
mod separable;
mod winograd;

pub(crate) use channels::{ChannelsShape, channels_least_seconds, channels_seconds};
pub(crate) use constants::Constants;
pub(crate) use depthwise::{DepthwiseShape, depthwise_least_seconds, depthwise_seconds};
pub(crate) use dot::{DotShape, dot_seconds};
pub(crate) use fft::{SHORTEST_TRANSFORM, shortest_line_transform};
pub(crate) use machine::Machine;
pub(crate) use planes::{PlanesShape, planes_seconds};
pub(crate) use separable::{SeparableShape, separable_seconds};
pub(crate) use winograd::{WinogradShape, winograd_least_seconds, winograd_seconds};
