//! Transforms. Of powers of two, of pairs of real tiles, by the loops of `microkernel/fft`: [`Levels`] holds their
//! tables. Of other lengths on realfft and rustfft, with the feature `fft`.

#[cfg(feature = "fft")]
mod good_size;
mod levels;
#[cfg(feature = "fft")]
mod real;
#[cfg(all(test, feature = "fft"))]
mod tests;

#[cfg(feature = "fft")]
pub(crate) use good_size::{good_size, good_sizes};
pub(crate) use levels::Levels;
#[cfg(feature = "fft")]
pub(crate) use real::RealFft2d;
