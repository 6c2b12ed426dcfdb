//! What takes part: a problem that some crate has prepared, ready to be timed.

mod ours;
mod rten;

#[cfg(feature = "candle")]
mod candle;
#[cfg(feature = "fft-convolver")]
mod fft_convolver;
#[cfg(feature = "imageproc")]
mod imageproc;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "tract")]
mod tract;

use std::error::Error;

use convolve::Layout;

use crate::layer::{Layer, Operands};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

pub trait Contestant {
    /// What is timed.
    fn run(&mut self) -> Outcome<()>;

    /// What the last run left at batch, channel, row, column.
    fn value(&self, at: [usize; 4]) -> f32;

    /// The code that runs, as far as the crate tells.
    fn note(&self) -> String {
        String::new()
    }
}

/// Prepares a problem, or says why it does not take part.
type Prepare = fn(&Layer, &Operands) -> Outcome<Box<dyn Contestant>>;

/// Everyone, in the order of the tables. Names of this crate begin with `ours`.
pub const ROSTER: &[(&str, Prepare)] = &[
    ("ours-nchw", |layer, operands| ours::prepare(layer, Layout::Nchw, operands)),
    ("ours-nhwc", |layer, operands| ours::prepare(layer, Layout::Nhwc, operands)),
    ("rten", rten::prepare),
    #[cfg(feature = "tract")]
    ("tract", tract::prepare),
    #[cfg(feature = "candle")]
    ("candle", candle::prepare),
    #[cfg(feature = "ndarray")]
    ("ndarray-conv", ndarray::prepare_sums),
    #[cfg(feature = "ndarray")]
    ("ndarray-conv-fft", ndarray::prepare_fft),
    #[cfg(feature = "imageproc")]
    ("imageproc", imageproc::prepare),
    #[cfg(feature = "fft-convolver")]
    ("fft-convolver", fft_convolver::prepare),
];

/// Products of one channel from which on sums as defined would take seconds for a call.
const MOST_PRODUCTS_OF_SUMS: usize = 1_000_000_000;

/// For crates made for layers or for plain loops: they stay out of large signals and filters.
fn require_few_products(layer: &Layer) -> Outcome<()> {
    if layer.shapes.kernel[1] == 1 && layer.multiply_adds() > MOST_PRODUCTS_OF_SUMS {
        return Err("sums as defined would take seconds for a call".into());
    }
    Ok(())
}

fn require_zero_border(layer: &Layer) -> Outcome<()> {
    if layer.has_zero_border() { Ok(()) } else { Err("zero borders only".into()) }
}

/// The spatial axes of a shape of four: one or two.
#[cfg_attr(not(feature = "candle"), allow(dead_code))]
fn spatial(layer: &Layer, sizes: [usize; 2]) -> Vec<usize> {
    sizes[2 - layer.conv.dimensions()..].to_vec()
}
