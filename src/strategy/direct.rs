//! `direct`: the sum as it is defined, in register tiles.
//!
//! There are two kinds of tiles. With lanes along the *columns of a plane* an input vector is shared by several output
//! rows: signals, images, few output channels. With lanes along the *output channels* an input value is shared by all
//! lanes: the layers of neural networks. The cheaper kind is taken.
//!
//! Error: each output is a chain of `products` multiply-adds, see `docs/accuracy.md`. It declines nothing.

mod band;
mod cache_sets;
mod channels;
mod cut;
mod interleaved;
mod planes;
mod signal;
mod taps;
mod tiles;

use channels::ChannelsPlan;
use planes::PlanesPlan;

use super::{Estimate, Prepared, Strategy};
use crate::cost::{Machine, channels_least_seconds};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::low_rank::KernelFacts;
use crate::problem::Problem;

pub(crate) struct Direct;

impl<T: Element> Strategy<T> for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        <Self as Strategy<T>>::estimate_known(self, problem, machine, &KernelFacts::Unknown)
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        self.prepare_known(problem, machine, &KernelFacts::Unknown)
    }

    fn estimate_known(
        &self,
        problem: &Problem,
        machine: &Machine,
        kernel: &KernelFacts,
    ) -> Result<Estimate, Declined> {
        let planes = planes::estimate::<T>(problem, machine, kernel);
        Ok(cheaper_channels::<T>(problem, machine, &planes).unwrap_or(planes))
    }

    fn prepare_known(
        &self,
        problem: &Problem,
        machine: &Machine,
        kernel: &KernelFacts,
    ) -> Result<Box<dyn Prepared<T>>, Error> {
        let planes = || planes::estimate::<T>(problem, machine, kernel);
        let is_channels =
            !signal::is_signal(problem) && cheaper_channels::<T>(problem, machine, &planes()).is_some();
        Ok(if is_channels {
            Box::new(ChannelsPlan::<T>::new(problem, machine)?)
        } else {
            Box::new(PlanesPlan::<T>::new(problem, machine))
        })
    }
}

/// The estimate with lanes along output channels, where it is the cheaper one and the workspace suffices.
fn cheaper_channels<T: Element>(problem: &Problem, machine: &Machine, planes: &Estimate) -> Option<Estimate> {
    // The one channel of a signal fills no lanes.
    if signal::is_signal(problem) || channels_least_seconds(problem, machine) >= planes.seconds {
        return None;
    }
    channels::estimate::<T>(problem, machine).filter(|channels| {
        channels.seconds < planes.seconds && channels.workspace <= problem.conv.workspace_limit
    })
}
