//! The element types, and the one place where element type and instruction set meet.

use core::fmt;

use crate::isa::{InstructionSet, Microkernel};
use crate::reference::Accumulator;
use crate::strategy::Strategy;
use crate::workspace::AnyBits;

/// Names an element type in a request or a problem string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// `f32`
    F32,
    /// `f64`
    F64,
}

impl ElementType {
    /// Every element type.
    pub const ALL: [ElementType; 2] = [ElementType::F32, ElementType::F64];

    /// `f32` or `f64`.
    pub fn name(self) -> &'static str {
        match self {
            ElementType::F32 => "f32",
            ElementType::F64 => "f64",
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            ElementType::F32 => 4,
            ElementType::F64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What input, kernel and output consist of: `f32` or `f64`. Sealed.
pub trait Element:
    sealed::Sealed
    + AnyBits
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + fmt::Debug
    + fmt::Display
    + Send
    + Sync
    + core::ops::Add<Output = Self>
    + core::ops::Sub<Output = Self>
    + core::ops::Mul<Output = Self>
    + core::ops::Neg<Output = Self>
    + 'static
{
    /// The name of the type as a value.
    const TYPE: ElementType;

    /// How the reference accumulates: one precision wider than the type.
    #[doc(hidden)]
    type Accumulator: Accumulator;

    /// Rounds to the nearest value of this type.
    fn from_f64(value: f64) -> Self;

    /// The same value in `f64`, exact.
    fn to_f64(self) -> f64;

    /// Runs a micro-kernel on an instruction set.
    #[doc(hidden)]
    fn dispatch<K: Microkernel<Self>>(isa: InstructionSet, kernel: K) -> K::Output;

    /// The strategies for this type, in the order in which ties are decided.
    #[doc(hidden)]
    fn strategies() -> &'static [&'static dyn Strategy<Self>];
}
