//! The packed kernel of a plan.

use super::{Plan, check_dims};
use crate::element::Element;
use crate::error::Error;
use crate::strategy::Packing;
use crate::view::View;
use crate::workspace::AlignedBuffer;

/// A kernel laid out for a plan, with its bias. Serves every plan whose packing is the same, whatever its input
/// and batch sizes.
#[derive(Debug)]
pub struct PackedKernel<T> {
    packing: Packing,
    pub(super) values: AlignedBuffer<T>,
    scratch: AlignedBuffer<T>,
    pub(super) bias: Option<Vec<T>>,
}

impl<T: Element> Plan<T> {
    /// Lays out `kernel` (output channel, input channel of the group, row, column) for this plan, with one bias
    /// value per output channel.
    ///
    /// If the strategy is `separable`, and was planned for a kernel of low rank, this one must be of as low a rank, as
    /// accurately.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Length`] if `kernel` or `bias` is not of the sizes of the plan, [`Error::Declined`]
    /// if the strategy cannot take these values, [`Error::OutOfMemory`].
    pub fn pack(&self, kernel: View<'_, T>, bias: Option<&[T]>) -> Result<PackedKernel<T>, Error> {
        self.check_kernel(&kernel, bias)?;
        let packing = self.frozen.packing;
        let mut packed = PackedKernel {
            packing,
            values: AlignedBuffer::zeroed(packing.len)?,
            scratch: AlignedBuffer::zeroed(packing.scratch)?,
            bias: bias.map(<[T]>::to_vec),
        };
        self.fill(&mut packed, kernel)?;
        Ok(packed)
    }

    /// Replaces the values of a packed kernel without allocating. It must have the packing of this plan, and a
    /// bias if and only if one is given. When it returns an error, the packed kernel is as it was.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Length`] if `kernel` or `bias` is not of the sizes of the plan or of the packed
    /// kernel, [`Error::PackingMismatch`] if another plan packed it, [`Error::Declined`] if the strategy cannot take
    /// these values.
    ///
    /// ```
    /// use convolve::{Conv, View, ViewMut};
    /// let plan = Conv::d1(4, 2).plan::<f32>()?;
    /// let mut packed = plan.pack(View::signal(&[1.0, 1.0]), None)?;
    /// plan.pack_into(&mut packed, View::signal(&[1.0, -1.0]), None)?;
    /// let mut y = [0.0; 3];
    /// let x = View::signal(&[1.0, 4.0, 9.0, 16.0]);
    /// plan.execute(&packed, x, ViewMut::signal(&mut y), &mut plan.workspace()?)?;
    /// assert_eq!(y, [-3.0, -5.0, -7.0]);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn pack_into(
        &self,
        packed: &mut PackedKernel<T>,
        kernel: View<'_, T>,
        bias: Option<&[T]>,
    ) -> Result<(), Error> {
        self.check_kernel(&kernel, bias)?;
        self.check_packing(packed)?;
        let count = |bias: Option<&[T]>| bias.map_or(0, <[T]>::len);
        let (expected, got) = (count(packed.bias.as_deref()), count(bias));
        if packed.bias.is_some() != bias.is_some() {
            return Err(Error::Length { operand: "bias", expected, got });
        }
        self.fill(packed, kernel)?;
        if let (Some(old), Some(new)) = (&mut packed.bias, bias) {
            old.copy_from_slice(new);
        }
        Ok(())
    }

    fn fill(&self, packed: &mut PackedKernel<T>, kernel: View<'_, T>) -> Result<(), Error> {
        let (prepared, scratch) = (&self.frozen.prepared, packed.scratch.as_mut_slice());
        prepared
            .admits(kernel, scratch)
            .map_err(|reason| Error::Declined { strategy: self.frozen.strategy, reason })?;
        prepared.pack(kernel, packed.values.as_mut_slice(), scratch);
        Ok(())
    }

    /// Bytes that a packed kernel takes, with what packing needs beside its values, without the bias: about those of the
    /// kernel for `direct`, `gemm` and `depthwise`, more for `dot` where windows have short rows, several times as many
    /// for `winograd`, many times as many for `fft`; a column and a row for each term of `separable`.
    pub fn packed_bytes(&self) -> usize {
        let Packing { len, scratch, .. } = self.frozen.packing;
        len.saturating_add(scratch).saturating_mul(T::TYPE.size())
    }

    pub(crate) fn packing_tiles(&self) -> [usize; 4] {
        self.frozen.packing.tiles
    }

    fn check_kernel(&self, kernel: &View<'_, T>, bias: Option<&[T]>) -> Result<(), Error> {
        let expected = self.kernel_shape();
        check_dims(expected, kernel)?;
        match bias {
            Some(bias) if bias.len() != expected[0] => {
                Err(Error::Length { operand: "bias", expected: expected[0], got: bias.len() })
            }
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn check_packing(&self, packed: &PackedKernel<T>) -> Result<(), Error> {
        let packing = &self.frozen.packing;
        if packed.packing != *packing {
            return Err(packing_mismatch(packing, &packed.packing));
        }
        Ok(())
    }
}

#[cold]
fn packing_mismatch(expected: &Packing, got: &Packing) -> Error {
    Error::PackingMismatch { expected: expected.to_string(), got: got.to_string() }
}
