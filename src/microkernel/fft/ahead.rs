//! Asks for memory that will be wanted.

use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// Asks for `len` values from this address on. They may be anywhere, as nothing is read.
pub(crate) struct AskFor<T> {
    pub(crate) first: *const T,
    pub(crate) len: usize,
}

impl<T: Element> Microkernel<T> for AskFor<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        for at in (0..self.len).step_by(CACHE_LINE / size_of::<T>()) {
            isa.prefetch(self.first.wrapping_add(at));
        }
    }
}
