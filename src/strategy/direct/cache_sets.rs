//! Whether rows that are read in place drive each other out of the first-level cache.
//!
//! Lines a *way* apart belong to one set of a cache, which has room for as many of them as the cache has ways. Where
//! the width of an image is a power of two, or nearly one, all rows under a tile meet in the same few sets, and if they
//! are more than the ways, each tap column reads them from the second level again. A band, whose rows are an odd number
//! of lines apart, has no such trouble.

use crate::cost::Machine;

pub(super) const CACHE_LINE: usize = 64;
/// Bytes of a way: those of a page, so that a set is found beside the translation of an address.
const WAY: usize = 4096;

#[derive(Clone, Copy)]
pub(super) struct CacheSets {
    ways: usize,
}

impl CacheSets {
    pub(super) fn new(machine: &Machine) -> Self {
        CacheSets { ways: machine.l1 / WAY }
    }

    /// Whether so many rows, `step` bytes apart, of each of which `bytes` follow each other, have more lines in a set
    /// than there is room for.
    pub(super) fn overflow(self, rows: usize, step: isize, bytes: usize) -> bool {
        // A way is a power of two, so that products may wrap.
        let meet =
            |step: isize| (0..rows).filter(|&row| row.wrapping_mul(step as usize) % WAY < bytes).count();
        rows > self.ways && (meet(step) > self.ways || meet(step.wrapping_neg()) > self.ways)
    }
}

/// At least so many values of `size` bytes, and an odd number of cache lines: rows that are so far apart meet all sets.
pub(super) fn spread(values: usize, size: usize) -> usize {
    let line = CACHE_LINE / size;
    (values.div_ceil(line) | 1).saturating_mul(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 32 KiB in 8 ways, and 48 KiB in 12.
    fn sets() -> [CacheSets; 2] {
        [8, 12].map(|ways| CacheSets { ways })
    }

    #[test]
    fn rows_a_way_apart_need_a_way_each() {
        for (sets, ways) in sets().into_iter().zip([8, 12]) {
            for pages in [-2, -1, 0, 1, 3] {
                assert!(!sets.overflow(ways, pages * WAY as isize, 320));
                assert!(sets.overflow(ways + 1, pages * WAY as isize, 320));
            }
            // Half a way apart, every other row meets.
            assert!(!sets.overflow(2 * ways, WAY as isize / 2, 320));
            assert!(sets.overflow(2 * ways + 1, WAY as isize / 2, 320));
        }
    }

    #[test]
    fn rows_nearly_a_way_apart_meet_as_well() {
        for sets in sets() {
            assert!(sets.overflow(34, WAY as isize + 4, 320));
            assert!(sets.overflow(34, -(WAY as isize) - 4, 320));
            assert!(sets.overflow(34, WAY as isize - 4, 320));
            assert!(!sets.overflow(34, WAY as isize + 64, 320));
        }
    }

    #[test]
    fn rows_of_a_band_spread() {
        for sets in sets() {
            for (values, size) in [(512, 4), (1024, 4), (2048, 4), (512, 8), (542, 4), (1030, 8)] {
                let pitch = spread(values, size);
                assert!(
                    pitch >= values
                        && pitch * size / CACHE_LINE % 2 == 1
                        && (pitch * size).is_multiple_of(CACHE_LINE)
                );
                assert!(!sets.overflow(34, (pitch * size) as isize, 384), "{values} of {size} bytes");
            }
        }
    }
}
