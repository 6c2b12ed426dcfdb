//! The element types as a bound.

use core::fmt;

use crate::element_type::ElementType;
use crate::isa::Vectorized;
use crate::workspace::AnyBits;

mod sealed {
    pub trait Sealed {}
}

/// What input, kernel and output consist of: `f32` or `f64`. Sealed.
pub trait Element:
    sealed::Sealed
    + AnyBits
    + Vectorized
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

    /// Rounds to the nearest value of this type.
    fn from_f64(value: f64) -> Self;

    /// The same value in `f64`, exact.
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($element:ident, $type:ident) => {
        impl sealed::Sealed for $element {}

        impl Element for $element {
            const TYPE: ElementType = ElementType::$type;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $element
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
        }
    };
}

element!(f32, F32);
element!(f64, F64);
