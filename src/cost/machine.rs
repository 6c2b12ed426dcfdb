//! What the machine has, read once: sizes of caches, and how wide its units are.

use std::sync::OnceLock;

use super::Constants;
use crate::problem::Problem;

/// Cache sizes of one core in bytes, and its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// First level, data.
    pub(crate) l1: usize,
    /// Second level.
    pub(crate) l2: usize,
    /// Third level.
    pub(crate) l3: usize,
    /// Whether vectors of 64 bytes go through its units in two halves, so that half as many do in a cycle.
    pub(crate) halves_vectors: bool,
    /// Whether the third level belongs to few cores, near which it lies, and not to all of them.
    pub(crate) has_near_l3: bool,
    /// Whether additions have units of their own, besides those of multiply-adds.
    pub(crate) adds_aside: bool,
}

/// Sizes of a common core, where the machine does not tell.
const COMMON: Machine = Machine {
    l1: 32 << 10,
    l2: 512 << 10,
    l3: 8 << 20,
    halves_vectors: false,
    has_near_l3: false,
    adds_aside: false,
};

impl Machine {
    /// Whether input and output do not stay in the caches. Half of the third level is counted: others use it, too.
    pub(crate) fn is_left_by(&self, problem: &Problem) -> bool {
        Constants::bytes(problem).iter().sum::<f64>() > self.l3 as f64 / 2.0
    }

    /// This machine. Reads the caches at the first call and remembers them.
    pub(crate) fn get() -> &'static Machine {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        MACHINE.get_or_init(|| {
            let amd = amd_family();
            let is_zen = amd >= Some(ZEN);
            let mut machine = Machine {
                halves_vectors: amd == Some(ZEN_4),
                has_near_l3: is_zen,
                adds_aside: is_zen,
                ..COMMON
            };
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

/// What the CPUID instruction says of a leaf; of one that does not exist, nothing of use.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn cpuid(leaf: u32, index: u32) -> core::arch::x86_64::CpuidResult {
    // SAFETY: every x86-64 processor has the instruction, and it faults for no leaf.
    #[allow(unused_unsafe, reason = "became a safe function in later compilers")]
    unsafe {
        core::arch::x86_64::__cpuid_count(leaf, index)
    }
}

/// Level and bytes of each data or unified cache, by the CPUID instruction: leaf 4 on Intel, 0x8000001d on AMD
/// (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn caches() -> Vec<(u32, usize)> {
    // Leaves 0 and 0x80000000 tell which there are.
    let leaf = if cpuid(0x8000_0000, 0).eax >= 0x8000_001d && cpuid(0x8000_001d, 0).eax & 31 != 0 {
        0x8000_001d
    } else if cpuid(0, 0).eax >= 4 {
        4
    } else {
        return Vec::new();
    };
    const DATA: u32 = 1;
    const UNIFIED: u32 = 3;
    (0..8)
        .map(|index| cpuid(leaf, index))
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

/// Families of AMD processors. From Zen on, the third level is that of 4, 8 or 16 cores, and there are two units for
/// multiply-adds and two for additions (AMD, Software Optimization Guide for Family 17h, 2017). The units of Zen 4 are
/// 32 bytes wide (AMD, Software Optimization Guide for the Zen 4 Microarchitecture, 2023); Zen 3, of the same
/// family, has no vectors of 64 bytes. Other processors that have them are taken to have units as wide, also those of
/// Zen 5 that do not, which cannot be told by their family.
const ZEN: u32 = 0x17;
const ZEN_4: u32 = 0x19;

/// The family, if AMD makes it.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn amd_family() -> Option<u32> {
    let [vendor, version] = [0, 1].map(|leaf| cpuid(leaf, 0));
    let is_amd = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == *b"AuthenticAMD";
    let (family, extended) = (version.eax >> 8 & 0xf, version.eax >> 20 & 0xff);
    is_amd.then_some(family + extended)
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn amd_family() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::Conv;
    use crate::element_type::ElementType;
    use crate::isa::InstructionSet;

    #[test]
    fn halves_cost_long_vectors_only() {
        let whole = Machine { halves_vectors: false, ..COMMON };
        let halved = Machine { halves_vectors: true, ..COMMON };
        for isa in InstructionSet::available().unwrap() {
            let conv = Conv::d2([64, 64], [3, 3]).instruction_set(*isa);
            let problem = Problem::new(&conv, ElementType::F32).unwrap();
            let slower = if isa.lanes(ElementType::F32) == 16 { 2.0 } else { 1.0 };
            let rate = |machine| Constants::vector_rate(&problem, machine);
            assert_eq!(rate(&whole), slower * rate(&halved), "{}", isa.name());
        }
    }

    #[test]
    fn caches_have_plausible_sizes() {
        let Machine { l1, l2, l3, .. } = *Machine::get();
        assert!((8 << 10..1 << 20).contains(&l1), "{l1}");
        assert!(l2 > l1, "{l2}");
        assert!(l3 >= 1 << 20, "{l3}");
    }
}
