//! The element types as values.

use core::fmt;

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
