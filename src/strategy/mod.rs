//! Strategies: the ways to compute a convolution. One file each, and one line in the registry below.

mod direct;
#[cfg(feature = "fft")]
mod fft;
#[cfg(not(feature = "fft"))]
#[path = "fft/disabled.rs"]
mod fft;
mod gemm;

use crate::choose::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::problem::Problem;
use crate::view::{View, ViewMut};
use crate::window::{Extensions, Plane};

/// One way to compute. Stateless; what it derives for a problem is in the [`Prepared`] that it makes.
pub trait Strategy<T: Element>: Sync {
    /// Its name in requests and in `explain()`; also the name of its file.
    fn name(&self) -> &'static str;

    /// What the problem would cost, or why this strategy cannot serve it. Must not allocate: it is asked for
    /// every plan.
    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined>;

    /// Freezes the geometry of a problem for which `estimate` did not decline.
    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error>;
}

/// A strategy frozen for one problem. Holds no kernel values.
///
/// The work is cut into tasks by the geometry alone. Tasks write disjoint parts of the output and do not read
/// what other tasks write, so that they may run in any order and on any number of threads with the same result.
pub trait Prepared<T: Element>: Send + Sync {
    /// The layout of the packed kernel.
    fn packing(&self) -> Packing;

    /// Lays out the kernel. `packed` has `packing().len` values, `scratch` has `packing().scratch`.
    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], scratch: &mut [T]);

    /// How many tasks there are.
    fn tasks(&self) -> usize;

    /// Bytes of workspace for each thread, a multiple of the cache line.
    fn workspace(&self) -> usize;

    /// Runs one task. `workspace` starts at a cache line and has `workspace()` bytes of any content.
    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]);
}

/// What a strategy expects a problem to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Seconds on one thread.
    pub seconds: f64,
    /// Bytes of workspace for each thread.
    pub workspace: usize,
}

/// Identifies the layout of a packed kernel: kernels packed alike serve each other's plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Name of the strategy.
    pub strategy: &'static str,
    /// Output channel, input channel of the group, row, column.
    pub kernel: [usize; 4],
    /// Groups of channels.
    pub groups: usize,
    /// Whether the kernel was flipped.
    pub flipped: bool,
    /// Tile sizes that the layout depends on; their meaning is the strategy's.
    pub tiles: [usize; 4],
    /// Values in the packed kernel.
    pub len: usize,
    /// Values that packing needs beside it.
    pub scratch: usize,
}

impl core::fmt::Display for Packing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Packing { strategy, kernel, groups, flipped, tiles, len, .. } = self;
        let flipped = if *flipped { "flipped" } else { "not flipped" };
        write!(f, "{strategy}, kernel {kernel:?}, {groups} groups, {flipped}, tiles {tiles:?}, {len} values")
    }
}

/// The operands of one execution. Shapes have been checked against the problem.
pub struct Call<'a, T> {
    pub(crate) input: *const T,
    /// Batch, channel, row, column.
    pub(crate) input_strides: [isize; 4],
    pub(crate) output: *mut T,
    /// Batch, channel, row, column.
    pub(crate) output_strides: [isize; 4],
    pub(crate) packed: &'a [T],
    pub(crate) bias: Option<&'a [T]>,
    /// The views are borrowed as long as the call lives.
    borrowed: core::marker::PhantomData<(&'a [T], &'a mut [T])>,
}

// SAFETY: the input is only read; the output is written by tasks at disjoint places, which is the contract of
// `Prepared`; indices of the output view are distinct, which `ViewMut` proves.
unsafe impl<T: Element> Sync for Call<'_, T> {}

impl<'a, T: Element> Call<'a, T> {
    pub(crate) fn new(
        input: View<'a, T>,
        output: &'a mut ViewMut<'_, T>,
        packed: &'a [T],
        bias: Option<&'a [T]>,
    ) -> Self {
        Call {
            // In bounds unless an axis is empty, and then never dereferenced.
            input: input.data.as_ptr().wrapping_add(input.geometry.origin),
            input_strides: input.geometry.strides,
            output: output.data.as_mut_ptr().wrapping_add(output.geometry.origin),
            output_strides: output.geometry.strides,
            packed,
            bias,
            borrowed: core::marker::PhantomData,
        }
    }

    /// A channel of an item of the input, seen through its borders.
    pub(crate) fn plane<'b>(
        &self,
        problem: &Problem,
        item: usize,
        channel: usize,
        extensions: &'b Extensions<T>,
    ) -> Plane<'b, T> {
        let [batch, channels, row, column] = self.input_strides;
        let base = self.input.wrapping_offset(item as isize * batch + channel as isize * channels);
        // SAFETY: the shape of the input view was checked against the problem; a view is inside its slice.
        unsafe { Plane::new(base, [problem.rows.input, problem.columns.input], [row, column], extensions) }
    }

    /// The bias of an output channel.
    pub(crate) fn bias(&self, channel: usize) -> T {
        self.bias.map_or(T::default(), |bias| bias[channel])
    }
}

/// Writes the registry for each element type, in the order in which ties are decided. Statics, so that all their code
/// is compiled with this crate and not anew with every crate that uses it.
macro_rules! strategies {
    ($($module:ident::$strategy:ident),+ $(,)?) => {
        pub(crate) static F32: &[&dyn Strategy<f32>] = &[$(&$module::$strategy),+];
        pub(crate) static F64: &[&dyn Strategy<f64>] = &[$(&$module::$strategy),+];
    };
}

// A new strategy is one file and one line here.
strategies! {
    direct::Direct,
    gemm::Gemm,
    fft::Fft,
}
