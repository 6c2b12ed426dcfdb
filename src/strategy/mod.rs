//! Strategies: the ways to compute a convolution. One file each, and one line in the registry below.

use core::any::Any;

mod canvas;
mod depthwise;
mod direct;
mod dot;
mod fft;
mod gemm;
mod separable;
mod winograd;

use crate::call::Call;
use crate::cost::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::low_rank::KernelFacts;
use crate::problem::Problem;
use crate::view::View;

/// One way to compute. Stateless; what it derives for a problem is in the [`Prepared`] that it makes.
pub(crate) trait Strategy<T: Element>: Sync {
    /// Its name in requests and in `explain()`; also the name of its file.
    fn name(&self) -> &'static str;

    /// What the problem would cost, or why this strategy cannot serve it. Must not allocate: it is asked for
    /// every plan.
    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined>;

    /// Seconds that no estimate for the problem is below, in a few operations: where another strategy costs less,
    /// nobody asks for the estimate.
    fn least_seconds(&self, _problem: &Problem, _machine: &Machine) -> f64 {
        0.0
    }

    /// Freezes the geometry of a problem for which `estimate` did not decline.
    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error>;

    /// As [`estimate`](Strategy::estimate), for strategies that depend on the values of the kernel.
    fn estimate_known(
        &self,
        problem: &Problem,
        machine: &Machine,
        _kernel: &KernelFacts,
    ) -> Result<Estimate, Declined> {
        self.estimate(problem, machine)
    }

    /// As [`prepare`](Strategy::prepare), for strategies that depend on the values of the kernel.
    fn prepare_known(
        &self,
        problem: &Problem,
        machine: &Machine,
        _kernel: &KernelFacts,
    ) -> Result<Box<dyn Prepared<T>>, Error> {
        self.prepare(problem, machine)
    }
}

/// A strategy frozen for one problem. Holds no kernel values.
///
/// The work is cut into tasks by the geometry alone. Tasks write disjoint parts of the output and do not read
/// what other tasks write, so that they may run in any order and on any number of threads with the same result.
pub(crate) trait Prepared<T: Element>: Send + Sync {
    /// The layout of the packed kernel.
    fn packing(&self) -> Packing;

    /// Whether these values can be laid out; asked before each `pack`, with the same scratch, by strategies that depend
    /// on values. Others take any.
    fn admits(&self, _kernel: View<'_, T>, _scratch: &mut [T]) -> Result<(), Declined> {
        Ok(())
    }

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
pub(crate) struct Estimate {
    /// Seconds on one thread.
    pub(crate) seconds: f64,
    /// Bytes of workspace for each thread.
    pub(crate) workspace: usize,
}

/// Identifies the layout of a packed kernel: kernels packed alike serve each other's plans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packing {
    /// Name of the strategy.
    pub(crate) strategy: &'static str,
    /// Output channel, input channel of the group, row, column.
    pub(crate) kernel: [usize; 4],
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Whether the kernel was flipped.
    pub(crate) flipped: bool,
    /// Tile sizes that the layout depends on; their meaning is the strategy's.
    pub(crate) tiles: [usize; 4],
    /// Values in the packed kernel.
    pub(crate) len: usize,
    /// Values that packing needs beside it.
    pub(crate) scratch: usize,
}

impl PartialEq for Packing {
    /// The name last, and most often by its address: this is asked in every call but those of a convolver. Nothing is
    /// put together to be compared: a load would wait for several stores.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let Packing { strategy, kernel, groups, flipped, tiles, len, scratch } = self;
        *kernel == other.kernel
            && *tiles == other.tiles
            && *groups == other.groups
            && *len == other.len
            && *scratch == other.scratch
            && *flipped == other.flipped
            && (core::ptr::eq(*strategy, other.strategy) || *strategy == other.strategy)
    }
}

impl core::fmt::Display for Packing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Packing { strategy, kernel, groups, flipped, tiles, len, .. } = self;
        let flipped = if *flipped { "flipped" } else { "not flipped" };
        write!(f, "{strategy}, kernel {kernel:?}, {groups} groups, {flipped}, tiles {tiles:?}, {len} values")
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

// A new strategy is one file, its `mod` line above, and one line here.
strategies! {
    direct::Direct,
    dot::Dot,
    gemm::Gemm,
    depthwise::Depthwise,
    winograd::Winograd,
    fft::Fft,
    separable::Separable,
}

/// The strategies for an element type, in the order in which ties are decided.
pub(crate) fn registry<T: Element>() -> &'static [&'static dyn Strategy<T>] {
    let registries: [&'static dyn Any; 2] = [&F32, &F64];
    let of_type = |registry: &'static dyn Any| registry.downcast_ref::<&'static [&'static dyn Strategy<T>]>();
    registries.into_iter().find_map(of_type).copied().expect("every element type has a registry")
}

/// The names of all strategies, in that order.
pub(crate) fn names() -> Vec<&'static str> {
    F32.iter().map(|strategy| strategy.name()).collect()
}

/// What the strategies can make use of in the values of a kernel that has the shape of the problem.
pub(crate) fn facts<T: Element>(problem: &Problem, kernel: View<'_, T>) -> KernelFacts {
    separable::facts(problem, kernel)
}
