//! What the machine has: cache sizes, read once.

use std::sync::OnceLock;

use super::Constants;
use crate::problem::Problem;

/// Cache sizes of one core in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// First level, data.
    pub(crate) l1: usize,
    /// Second level.
    pub(crate) l2: usize,
    /// Third level.
    pub(crate) l3: usize,
}

/// Sizes of a common core, where the machine does not tell.
const COMMON: Machine = Machine { l1: 32 << 10, l2: 512 << 10, l3: 8 << 20 };

impl Machine {
    /// Whether input and output do not stay in the caches. Half of the third level is counted: others use it, too.
    pub(crate) fn is_left_by(&self, problem: &Problem) -> bool {
        Constants::bytes(problem).iter().sum::<f64>() > self.l3 as f64 / 2.0
    }

    /// This machine. Reads the caches at the first call and remembers them.
    pub(crate) fn get() -> &'static Machine {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        MACHINE.get_or_init(|| {
            let mut machine = COMMON;
            for (level, bytes) in caches() {
                match level {
                    1 => machine.l1 = bytes,
                    2 => machine.l2 = bytes,
                    3 => machine.l3 = bytes,
                    _ => {}
                }
            }
            machine
        })
    }
}

/// Level and bytes of each data or unified cache, by the CPUID instruction: leaf 4 on Intel, 0x8000001d on AMD
/// (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn caches() -> Vec<(u32, usize)> {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    // SAFETY: every x86-64 processor has CPUID, and leaf 0 and 0x80000000 tell which leaves exist.
    #[allow(unused_unsafe, reason = "became a safe function in later compilers")]
    let leaf = unsafe {
        if __cpuid(0x8000_0000).eax >= 0x8000_001d && __cpuid_count(0x8000_001d, 0).eax & 31 != 0 {
            0x8000_001d
        } else if __cpuid(0).eax >= 4 {
            4
        } else {
            return Vec::new();
        }
    };
    const DATA: u32 = 1;
    const UNIFIED: u32 = 3;
    (0..8)
        .map(|index| {
            // SAFETY: the leaf exists, see above.
            #[allow(unused_unsafe, reason = "became a safe function in later compilers")]
            unsafe {
                __cpuid_count(leaf, index)
            }
        })
        .take_while(|cache| cache.eax & 31 != 0)
        .filter(|cache| matches!(cache.eax & 31, DATA | UNIFIED))
        .map(|cache| {
            let ways = (cache.ebx >> 22) as usize + 1;
            let partitions = (cache.ebx >> 12 & 0x3ff) as usize + 1;
            let line = (cache.ebx & 0xfff) as usize + 1;
            (cache.eax >> 5 & 7, ways * partitions * line * (cache.ecx as usize + 1))
        })
        .collect()
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn caches() -> Vec<(u32, usize)> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_have_plausible_sizes() {
        let Machine { l1, l2, l3 } = *Machine::get();
        assert!((8 << 10..1 << 20).contains(&l1), "{l1}");
        assert!(l2 > l1, "{l2}");
        assert!(l3 >= 1 << 20, "{l3}");
    }
}
