//! Stands in for `fft` in builds without the feature, so that requests get a reason.

use super::{Estimate, Prepared, Strategy};
use crate::cost::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::problem::Problem;

const REASON: Declined = Declined::Feature { feature: "fft" };

pub(crate) struct Fft;

impl<T: Element> Strategy<T> for Fft {
    fn name(&self) -> &'static str {
        "fft"
    }

    fn estimate(&self, _problem: &Problem, _machine: &Machine) -> Result<Estimate, Declined> {
        Err(REASON)
    }

    fn prepare(&self, _problem: &Problem, _machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        Err(Error::Declined { strategy: "fft", reason: REASON })
    }
}
