//! `direct`: the sum as it is defined, in register tiles.
//!
//! There are two kinds of tiles. With lanes along the *columns of a plane* an input vector is shared by several output
//! rows: signals, images, few output channels. With lanes along the *output channels* an input value is shared by all
//! lanes: the layers of neural networks. The cheaper kind is taken.
//!
//! Error: each output is a chain of `products` multiply-adds, see `docs/accuracy.md`. It declines nothing.

mod band;
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
use crate::cost::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::problem::Problem;

pub(crate) struct Direct;

impl<T: Element> Strategy<T> for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        let planes = planes::estimate::<T>(problem, machine);
        if signal::is_signal(problem) {
            return Ok(planes); // one channel fills no lanes
        }
        Ok(cheaper_channels::<T>(problem, machine, &planes).unwrap_or(planes))
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        if signal::is_signal(problem) {
            return Ok(Box::new(PlanesPlan::<T>::new(problem)));
        }
        let planes = planes::estimate::<T>(problem, machine);
        Ok(match cheaper_channels::<T>(problem, machine, &planes) {
            Some(_) => Box::new(ChannelsPlan::<T>::new(problem, machine)?),
            None => Box::new(PlanesPlan::<T>::new(problem)),
        })
    }
}

/// The estimate with lanes along output channels, where it is the cheaper one and the workspace suffices.
fn cheaper_channels<T: Element>(problem: &Problem, machine: &Machine, planes: &Estimate) -> Option<Estimate> {
    channels::estimate::<T>(problem, machine).filter(|channels| {
        channels.seconds < planes.seconds && channels.workspace <= problem.conv.workspace_limit
    })
}
