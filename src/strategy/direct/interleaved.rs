//! A few channels that lie next to each other in a pixel, each with a kernel of its own: red, green and blue.

use super::band::{Band, RowSpacing};
use crate::call::Call;
use crate::conv::Layout;
use crate::element::Element;
use crate::low_rank::is_shared;
use crate::microkernel::sliding_tile::PERIODS;
use crate::problem::{Problem, gcd};
use crate::view::View;

/// No more channels; more fill vectors by themselves, as `depthwise` has them.
const MOST_CHANNELS: usize = 8;
/// Lanes of the longest period of weights: three vectors of 16.
const MOST_LANES: usize = 3 * 16;

/// What planes of interleaved channels need besides those of one channel.
pub(super) struct Interleaved {
    pub(super) band: Band,
    /// Vectors after which channels and lanes meet again.
    pub(super) period: usize,
    /// Values in a period: the weights of a tap.
    pub(super) pattern: usize,
}

/// The channels of a pixel, where they can be taken together.
pub(super) fn channels(problem: &Problem) -> Option<usize> {
    let conv = &problem.conv;
    let channels = conv.channels_in;
    let is_each_by_itself = problem.group_in == 1 && problem.group_out == 1;
    let is_interleaved = conv.input_layout == Layout::Nhwc && conv.output_layout == Layout::Nhwc;
    let is_few = (2..=MOST_CHANNELS).contains(&channels);
    let is_served = is_each_by_itself && is_interleaved && is_few && PERIODS.contains(&period(problem));
    // The kernel fits the address space; with the lanes of a period it is to fit as well.
    let taps = problem.rows.taps.checked_mul(problem.columns.taps)?;
    let fits =
        taps.checked_mul(4 * MOST_LANES * size_of::<f64>()).is_some_and(|bytes| bytes <= isize::MAX as usize);
    (is_served && fits).then_some(channels)
}

/// Vectors after which channels and lanes meet again.
pub(super) fn period(problem: &Problem) -> usize {
    let channels = problem.conv.channels_in;
    channels / gcd(channels, problem.isa.lanes(problem.element))
}

impl Interleaved {
    pub(super) fn new(problem: &Problem, spacing: &RowSpacing) -> Option<Self> {
        let channels = channels(problem)?;
        let period = period(problem);
        let pattern = period * problem.isa.lanes(problem.element);
        Some(Interleaved { band: Band::new(problem, spacing, channels, 0), period, pattern })
    }

    /// Whether the pixels of input and output are as the request says.
    pub(super) fn is_usable<T>(&self, call: &Call<'_, T>) -> bool {
        let pixel = self.band.pixel as isize;
        [&call.input_strides, &call.output_strides]
            .iter()
            .all(|strides| strides[1] == 1 && strides[3] == pixel)
    }

    /// What the order of the packed kernel depends on, besides the classes of taps, which are those of the other band:
    /// a number for each pair of chunk and pattern.
    pub(super) fn packing(&self) -> usize {
        self.band.order.chunk * (MOST_LANES + 1) + self.pattern
    }

    /// Values in the packed kernel, which has room for so many tap rows: the lanes of each tap, the taps of the first
    /// channel, and whether they are those of all.
    pub(super) fn len(&self, rows: usize, problem: &Problem) -> usize {
        rows * problem.columns.taps * (self.pattern + 1) + 1
    }

    /// The tap columns in their order, tap rows in theirs, and the lanes of a period; then the same without lanes.
    pub(super) fn pack<T: Element>(&self, kernel: View<'_, T>, spacing: &RowSpacing, packed: &mut [T]) {
        let [_, _, rows, columns] = kernel.dims();
        let tap =
            |[channel, row, column]: [usize; 3]| kernel.get([channel, 0, row, column]).unwrap_or_default();
        let [lanes, first, are_alike] = self.parts_mut(packed);
        are_alike[0] = T::from_f64(if is_shared(kernel) { 1.0 } else { 0.0 });
        self.band.order.for_each_tap(columns, |at, column| {
            for row in 0..rows {
                let [place, places] = spacing.place(row, rows);
                let place = at * places + place;
                let lanes = lanes[place * self.pattern..][..self.pattern].iter_mut();
                lanes
                    .enumerate()
                    .for_each(|(lane, value)| *value = tap([lane % self.band.pixel, row, column]));
                first[place] = tap([0, row, column]);
            }
        });
    }

    /// Of its part of the packed kernel, the lanes, the taps of the first channel, and whether they are those of all.
    fn parts_mut<'a, T>(&self, packed: &'a mut [T]) -> [&'a mut [T]; 3] {
        let (taps, are_alike) = packed.split_at_mut(packed.len() - 1);
        let (lanes, first) = taps.split_at_mut(taps.len() / (self.pattern + 1) * self.pattern);
        [lanes, first, are_alike]
    }

    /// Where the taps are that serve all channels, if they are all the same, and so are their biases.
    pub(super) fn shared<T: Element>(&self, packed: &[T], bias: Option<&[T]>) -> Option<usize> {
        let [taps @ .., are_alike] = packed else { return None };
        let have_one_bias = bias.is_none_or(|bias| bias.windows(2).all(|pair| pair[0] == pair[1]));
        let is_shared = *are_alike != T::default() && have_one_bias;
        is_shared.then_some(taps.len() / (self.pattern + 1) * self.pattern)
    }

    /// The biases of the lanes of a period.
    pub(super) fn bias<T: Element>(&self, bias: Option<&[T]>) -> [T; MOST_LANES] {
        let mut lanes = [T::default(); MOST_LANES];
        if let Some(bias) = bias {
            lanes[..self.pattern].iter_mut().zip(bias.iter().cycle()).for_each(|(lane, &bias)| *lane = bias);
        }
        lanes
    }
}
