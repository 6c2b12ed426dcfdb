#![doc = include_str!("../README.md")]
#![warn(missing_docs, unreachable_pub)]

mod call;
mod choose;
mod conv;
mod convolver;
mod cost;
mod element;
mod element_type;
mod error;
mod executor;
mod explain;
mod fft;
mod gemm;
mod isa;
mod kernels;
mod low_rank;
mod microkernel;
mod one_liners;
mod plan;
mod problem;
pub mod reference;
mod strategy;
mod view;
mod window;
mod winograd;
mod workspace;

pub use conv::{
    Accuracy, Activation, Border, Borders, Choice, Conv, DEFAULT_WORKSPACE_LIMIT, Layout, Operation, Padding,
    PerAxis,
};
pub use convolver::Convolver;
pub use element::Element;
pub use element_type::ElementType;
pub use error::{Declined, Error};
pub use executor::{Executor, Serial};
pub use explain::{Candidate, Explanation, Prediction, SeparableTerms};
pub use isa::{CAP_VARIABLE, InstructionSet};
pub use kernels::Kernel;
pub use one_liners::{Mode, convolve, correlate, filter2d};
pub use plan::{PackedKernel, Plan};
pub use view::{View, ViewMut};
pub use workspace::Workspace;

/// The names of all strategies, in the order in which ties between them are decided.
///
/// ```
/// assert!(["direct", "gemm", "fft"].iter().all(|name| convolve::strategies().contains(name)));
/// ```
pub fn strategies() -> Vec<&'static str> {
    strategy::names()
}

/// For the tests that read the emitted code and compute error bounds; not part of the interface.
#[doc(hidden)]
pub mod inspect {
    pub use crate::microkernel::{HotLoop, hot_loops};

    /// The tile sizes of a plan's packed kernel; for `winograd` the last two are the outputs of a
    /// tile, and eight times one less than the step between the taps of a piece.
    pub fn tiles<T: crate::Element>(plan: &crate::Plan<T>) -> [usize; 4] {
        plan.packing_tiles()
    }

    /// How many vector registers micro-kernels plan with on an instruction set.
    pub fn registers(isa: crate::InstructionSet) -> usize {
        isa.registers()
    }
}
