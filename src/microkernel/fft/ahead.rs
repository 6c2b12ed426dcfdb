//! Asks for memory that will be wanted.

use super::Both;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

/// Asks for `len` values of a pair of blocks, from these addresses on. They may be anywhere, as nothing is read.
pub(crate) struct AskFor<T> {
    pub(crate) blocks: Both<*const T>,
    pub(crate) len: usize,
}

impl<T: Element> Microkernel<T> for AskFor<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        for at in (0..self.len).step_by(CACHE_LINE / size_of::<T>()) {
            self.blocks.iter().for_each(|block| isa.prefetch(block.wrapping_add(at)));
        }
    }
}
