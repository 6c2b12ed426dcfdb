//! `fft`: products of spectra, on tiles or on the whole array.
//!
//! ```text
//! for each pair of tiles of the output of an item:
//!     for each input channel:   X[c] = transform of the input under both, as real and imaginary part
//!     for each output channel:  y = transform back of sum over c of X[c] * conj(H[output][c])
//!                               keep the outputs that no wrapped-around window touches
//! ```
//!
//! This is overlap-save (Stockham 1966) in one and two dimensions; a tile may be the whole array. As the kernel is
//! real, so are the two parts of y: the outputs of both tiles. The kernel's spectra, conjugated for cross-correlation
//! and scaled, are computed when packing. Channels add up in the frequency domain, so that each is transformed once. A
//! dilated kernel is stuffed with zeros; strided outputs are picked from the dense ones.
//!
//! There are two kinds: `pairs`, of powers of two, by loops of this crate; and, with the feature `fft`, `real`, whose
//! lengths are good ones of rustfft, for arrays that a power of two fits badly. The cheaper by the cost model is taken.
//!
//! It wins for large kernels. Errors are bounded by the norms of a pair of tiles and the kernel, and a NaN or infinity
//! spreads over both tiles (see `docs/accuracy.md`), so that it declines when componentwise accuracy is asked for.

mod channels;
mod cut;
mod pairs;
#[cfg(feature = "fft")]
mod real;
#[cfg(feature = "fft")]
mod real_tiling;
mod source;
mod tiles;

use self::cut::Cut;
use super::{Estimate, Prepared, Strategy};
use crate::conv::Accuracy;
use crate::cost::{Constants, Machine};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::problem::Problem;

pub(crate) struct Fft;

/// The two kinds.
enum Kind {
    Pairs(Cut),
    #[cfg(feature = "fft")]
    Real,
}

impl<T: Element + Transformed> Strategy<T> for Fft {
    fn name(&self) -> &'static str {
        "fft"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        cheapest(problem, machine).map(|(_, estimate)| estimate)
    }

    fn least_seconds(&self, problem: &Problem, machine: &Machine) -> f64 {
        let least = Constants::fft_pairs_least_seconds(problem, machine);
        #[cfg(feature = "fft")]
        let least = least.min(Constants::fft_real_least_seconds(problem));
        least
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        let declined = |reason| Error::Declined { strategy: "fft", reason };
        match cheapest(problem, machine).map_err(declined)?.0 {
            #[cfg(feature = "fft")]
            Kind::Real => real::prepare(problem, machine),
            Kind::Pairs(cut) if cut.is_plain(problem) => pairs::prepare(problem, machine, cut),
            Kind::Pairs(cut) => channels::prepare(problem, machine, cut),
        }
    }
}

fn cheapest(problem: &Problem, machine: &Machine) -> Result<(Kind, Estimate), Declined> {
    if problem.conv.accuracy == Accuracy::Componentwise {
        return Err(Declined::Accuracy);
    }
    let pairs = Cut::cheapest(problem, machine).map(|(cut, estimate)| (Kind::Pairs(cut), estimate));
    #[cfg(feature = "fft")]
    if !pairs.as_ref().is_ok_and(|(_, pairs)| pairs.seconds <= Constants::fft_real_least_seconds(problem)) {
        return cheaper(pairs, real::estimate(problem, machine).map(|estimate| (Kind::Real, estimate)));
    }
    pairs
}

/// The cheaper of two, or the one that is not declined, or the reason that asks for less.
#[cfg(feature = "fft")]
fn cheaper(
    one: Result<(Kind, Estimate), Declined>,
    other: Result<(Kind, Estimate), Declined>,
) -> Result<(Kind, Estimate), Declined> {
    let bytes = |reason: &Declined| match reason {
        Declined::Workspace { needed, .. } => *needed,
        _ => usize::MAX,
    };
    match (&one, &other) {
        (Ok((_, a)), Ok((_, b))) if a.seconds <= b.seconds => one,
        (Ok(_), Err(_)) => one,
        (Err(a), Err(b)) if bytes(a) <= bytes(b) => one,
        _ => other,
    }
}

/// What the element type needs besides: rustfft's arithmetic, where it is there.
#[cfg(feature = "fft")]
pub(crate) trait Transformed: rustfft::FftNum {}
#[cfg(feature = "fft")]
impl<T: rustfft::FftNum> Transformed for T {}
#[cfg(not(feature = "fft"))]
pub(crate) trait Transformed {}
#[cfg(not(feature = "fft"))]
impl<T> Transformed for T {}
