//! Matrix multiplication as convolution needs it: shapes of blocks and panels. The loops over them are in
//! `strategy/gemm.rs`, the register tile in `microkernel/gemm_tile.rs`.
//!
//! ```text
//!              pixels ->                        One operand is the kernel, packed once. The other one is the patches
//!            +----------+                       of the input under the output pixels: never stored whole, but packed
//!   depth k  | patches  |  one panel at a time  panel by panel, in cache, each just before it is multiplied.
//!            +----------+
//!  +-------+ +----------+
//!  |kernel | | output   |
//!  +-------+ +----------+
//! ```

mod blocking;
mod channel_panels;
mod panels;
mod patches;

pub(crate) use blocking::Blocking;
pub(crate) use channel_panels::{ChannelPanel, ChannelPanels};
pub(crate) use panels::{pack_columns, pack_rows, row_panels};
pub(crate) use patches::{DepthOrder, Patches};
