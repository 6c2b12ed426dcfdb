//! How matrices are cut, from the cache sizes.

use crate::cost::Machine;
use crate::element_type::ElementType;
use crate::isa::InstructionSet;
use crate::microkernel::gemm_tile::{VECTORS, max_rows};

/// Sizes of blocks and panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocking {
    /// Most rows of a panel of rows.
    pub(crate) rows: usize,
    /// Columns of a panel of columns.
    pub(crate) columns: usize,
    /// Steps of the inner dimension in a block.
    pub(crate) depth: usize,
}

impl Blocking {
    /// A panel of columns of one block takes two thirds of the first-level cache, so that it stays there while panels
    /// of rows stream past it, where lanes are pixels (Goto and van de Geijn, "Anatomy of high-performance matrix
    /// multiplication", 2008). Blocks are of nearly equal depth.
    pub(crate) fn new(isa: InstructionSet, element: ElementType, depth: usize, machine: &Machine) -> Self {
        let columns = VECTORS * isa.lanes(element);
        let most = (machine.l1 * 2 / 3 / (columns * element.size())).clamp(64, 2048);
        Blocking { rows: max_rows(isa.registers()), columns, depth: depth.div_ceil(depth.div_ceil(most)) }
    }
}
