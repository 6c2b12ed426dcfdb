//! What the integration tests share: seeded numbers, arrays in any layout, and error bounds.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod bounds;
pub mod layers;
pub mod random;
pub mod run;
pub mod winograd;
