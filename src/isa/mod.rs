//! Instruction sets. A strategy never writes an intrinsic; an instruction set never knows what a convolution is.
//!
//! A *token* (`Avx512`, `Avx2`, ...) is proof that the machine has the features: its field is private and only
//! `detect` makes one. [`Isa::run`] holds the one `#[target_feature]` function of each set, and everything
//! called below it is `#[inline(always)]`, so that the loops are compiled with these features. One lost
//! `#[inline(always)]` makes a loop many times slower without a warning; `tests/codegen` watches for it.

mod by_memory;
mod instruction_set;

use crate::element_type::ElementType;
pub use instruction_set::{CAP_VARIABLE, InstructionSet};

/// A SIMD instruction set. Values are tokens: whoever holds one may execute its instructions.
///
/// # Safety
/// `detect` returns `Some` only where every feature that `run` enables is present.
pub unsafe trait Isa: Copy + Send + Sync + 'static {
    /// The name in `explain()`, problem strings and `CONVOLVE_ISA`; also the name of the file.
    const NAME: &'static str;
    /// How many vector registers a micro-kernel may plan with.
    const REGISTERS: usize;
    /// Whether `mul_add` rounds once.
    const FUSED: bool;

    /// The token, if the machine has the features.
    fn detect() -> Option<Self>;

    /// Asks for the cache line at `address`, any address, to be brought to the second-level cache.
    #[inline(always)]
    fn prefetch<T>(self, address: *const T) {
        let _ = address;
    }

    /// The same to the first-level cache, for what is wanted at once.
    #[inline(always)]
    fn prefetch_near<T>(self, address: *const T) {
        let _ = address;
    }

    /// Runs `kernel` compiled with this instruction set.
    fn run<T, K: Microkernel<T>>(self, kernel: K) -> K::Output
    where
        Self: Lanes<T>;
}

/// The vector operations that the micro-kernels need, for one element type.
pub trait Lanes<T>: Isa {
    /// One register.
    type Vector: Copy;
    /// Elements in a register.
    const LANES: usize;
    /// For each lane of a register, the lane that it takes its element from.
    type Pattern: Copy;

    /// `value` in every lane.
    fn splat(self, value: T) -> Self::Vector;
    /// Reads `LANES` elements, unaligned.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` elements.
    unsafe fn load(self, from: *const T) -> Self::Vector;
    /// Reads `count <= LANES` elements, zero in the other lanes.
    ///
    /// # Safety
    /// `from` is valid for reading `count` elements.
    unsafe fn load_part(self, from: *const T, count: usize) -> Self::Vector;
    /// Reads the elements of those lanes whose bit in `lanes` is set, the lowest for the first; the other lanes are
    /// those of `outside`. Bits beyond the last lane do not count.
    ///
    /// # Safety
    /// `from + lane` is valid for reading for each of these lanes.
    #[inline(always)]
    unsafe fn load_lanes(self, from: *const T, lanes: u64, outside: Self::Vector) -> Self::Vector
    where
        T: Copy,
    {
        // SAFETY: vouched for by the caller.
        unsafe { by_memory::load_lanes(self, from, lanes, outside) }
    }
    /// Writes `LANES` elements, unaligned.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` elements.
    unsafe fn store(self, to: *mut T, vector: Self::Vector);
    /// Writes the first `count <= LANES` elements.
    ///
    /// # Safety
    /// `to` is valid for writing `count` elements.
    unsafe fn store_part(self, to: *mut T, vector: Self::Vector, count: usize);
    /// `a + b`
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b - c`, rounded once where the machine can.
    fn mul_sub(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `c - a * b`, rounded once where the machine can.
    fn neg_mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once where the machine can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `bound` where `vector < bound`, else `vector`: a NaN in `vector` stays.
    fn at_least(self, vector: Self::Vector, bound: Self::Vector) -> Self::Vector;
    /// `bound` where `vector > bound`, else `vector`: a NaN in `vector` stays.
    fn at_most(self, vector: Self::Vector, bound: Self::Vector) -> Self::Vector;
    /// The pattern of `LANES` lanes.
    ///
    /// # Safety
    /// `lanes` is valid for reading `LANES` numbers below `LANES`.
    unsafe fn pattern(self, lanes: *const u32) -> Self::Pattern;
    /// `vector` with its elements dealt out as the pattern says; one may go to several lanes.
    fn permute(self, vector: Self::Vector, pattern: Self::Pattern) -> Self::Vector;
    /// The first `count <= LANES / 2` lanes of `low`, and from the middle on as many of `high`, each in its place; the
    /// other lanes are those of either.
    fn join_halves(self, low: Self::Vector, high: Self::Vector, count: usize) -> Self::Vector;
    /// Whether [`shift`](Lanes::shift) costs less than a load that crosses a cache line.
    const SHIFTS: bool = false;
    /// `LANES` elements of two vectors put together, from element `by <= LANES` on.
    #[inline(always)]
    fn shift(self, low: Self::Vector, high: Self::Vector, by: usize) -> Self::Vector
    where
        T: Copy,
    {
        by_memory::shift(self, low, high, by)
    }
    /// The same where `by` is known when compiling: some machines have more room for it beside multiply-adds.
    #[inline(always)]
    fn shift_known(self, low: Self::Vector, high: Self::Vector, by: usize) -> Self::Vector
    where
        T: Copy,
    {
        self.shift(low, high, by)
    }
    /// The elements of even and of odd places of two vectors, one behind the other.
    #[inline(always)]
    fn deinterleave(self, low: Self::Vector, high: Self::Vector) -> [Self::Vector; 2]
    where
        T: Copy,
    {
        let place = |at: usize| at % 2 * Self::LANES + at / 2;
        by_memory::rearrange(self, [low, high], place)
    }
    /// Two vectors, one behind the other, whose even places are `even` and whose odd places are `odd`.
    #[inline(always)]
    fn interleave(self, even: Self::Vector, odd: Self::Vector) -> [Self::Vector; 2]
    where
        T: Copy,
    {
        let place = |at: usize| 2 * (at % Self::LANES) + at / Self::LANES;
        by_memory::rearrange(self, [even, odd], place)
    }
    /// Transposes a square of `LANES` x `LANES`: `to[c * to_step + r] = from[r * from_step + c]`.
    ///
    /// # Safety
    /// The elements of both squares are valid for reading and writing; the squares do not overlap.
    #[inline(always)]
    unsafe fn transpose(self, from: *const T, from_step: isize, to: *mut T, to_step: isize)
    where
        T: Copy,
    {
        for r in 0..Self::LANES {
            for c in 0..Self::LANES {
                // SAFETY: elements of the squares.
                unsafe {
                    *to.offset(c as isize * to_step).add(r) = *from.offset(r as isize * from_step).add(c)
                };
            }
        }
    }
}

/// A number whose lowest bits are set, so many of them: the first lanes, for [`Lanes::load_lanes`].
#[inline(always)]
pub(crate) fn first_bits(count: usize) -> u64 {
    if count < 64 { (1 << count) - 1 } else { u64::MAX }
}

/// An inner loop, generic over the instruction set. `run` must be `#[inline(always)]`.
pub trait Microkernel<T> {
    /// What the loop returns.
    type Output;
    /// The loop.
    fn run<I: Lanes<T>>(self, isa: I) -> Self::Output;
}

/// An element type for which there are vectors on every instruction set: where both meet as concrete types.
pub trait Vectorized: Sized {
    /// Runs a micro-kernel on an instruction set.
    fn dispatch<K: Microkernel<Self>>(isa: InstructionSet, kernel: K) -> K::Output;
}

/// Implements [`Isa`] for a token type. The one list of features feeds detection and code generation, so the
/// two cannot drift apart.
#[cfg(target_arch = "x86_64")]
macro_rules! x86_token {
    ($token:ident, $name:literal, registers: $registers:literal, features: [$($feature:tt),+]) => {
        /// Proof that the machine has the features of this instruction set.
        #[derive(Clone, Copy)]
        pub(crate) struct $token(());

        // SAFETY: `detect` tests exactly the features that `run` enables: both expand the same list.
        unsafe impl $crate::isa::Isa for $token {
            const NAME: &'static str = $name;
            const REGISTERS: usize = $registers;
            const FUSED: bool = true;

            fn detect() -> Option<Self> {
                ($(std::arch::is_x86_feature_detected!($feature))&&+).then_some($token(()))
            }

            #[inline(always)]
            fn prefetch<T>(self, address: *const T) {
                use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                // SAFETY: every x86-64 processor has it, and it faults at no address.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
            }

            #[inline(always)]
            fn prefetch_near<T>(self, address: *const T) {
                use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                // SAFETY: as above.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
            }

            #[inline(always)]
            fn run<T, K: $crate::isa::Microkernel<T>>(self, kernel: K) -> K::Output
            where
                Self: $crate::isa::Lanes<T>,
            {
                $(#[target_feature(enable = $feature)])+
                fn with_features<T, K: $crate::isa::Microkernel<T>>(token: $token, kernel: K) -> K::Output
                where
                    $token: $crate::isa::Lanes<T>,
                {
                    kernel.run(token)
                }
                // SAFETY: a token exists, so `detect` saw every feature enabled above.
                unsafe { with_features(self, kernel) }
            }
        }
    };
}
/// Writes the registry: the private enum of tokens, detection, and `dispatch` for each element type.
macro_rules! instruction_sets {
    ($($(#[$attribute:meta])* $module:ident::$token:ident),+ $(,)?) => {
        $($(#[$attribute])* mod $module;)+

        #[derive(Clone, Copy)]
        enum Token { $($(#[$attribute])* $token($module::$token)),+ }

        impl Token {
            const NAMES: &'static [&'static str] = &[$($(#[$attribute])* <$module::$token as Isa>::NAME),+];

            fn name(self) -> &'static str {
                match self { $($(#[$attribute])* Token::$token(_) => <$module::$token as Isa>::NAME),+ }
            }

            fn is_fused(self) -> bool {
                match self { $($(#[$attribute])* Token::$token(_) => <$module::$token as Isa>::FUSED),+ }
            }

            fn registers(self) -> usize {
                match self { $($(#[$attribute])* Token::$token(_) => <$module::$token as Isa>::REGISTERS),+ }
            }

            fn lanes(self, element: ElementType) -> usize {
                match (self, element) {
                    $(
                        $(#[$attribute])* (Token::$token(_), ElementType::F32) => <$module::$token as Lanes<f32>>::LANES,
                        $(#[$attribute])* (Token::$token(_), ElementType::F64) => <$module::$token as Lanes<f64>>::LANES,
                    )+
                }
            }

            fn detect_all() -> Vec<InstructionSet> {
                let mut found = Vec::new();
                $($(#[$attribute])* if let Some(token) = <$module::$token as Isa>::detect() {
                    found.push(InstructionSet(Token::$token(token)));
                })+
                found
            }
        }

        instruction_sets! { @element f32; $($(#[$attribute])* $token),+ }
        instruction_sets! { @element f64; $($(#[$attribute])* $token),+ }
    };
    (@element $element:ident; $($(#[$attribute:meta])* $token:ident),+) => {
        impl Vectorized for $element {
            #[inline]
            fn dispatch<K: Microkernel<Self>>(isa: InstructionSet, kernel: K) -> K::Output {
                match isa.0 { $($(#[$attribute])* Token::$token(token) => token.run(kernel)),+ }
            }
        }
    };
}

// Best first. A new instruction set is one file and one line here.
instruction_sets! {
    #[cfg(target_arch = "x86_64")]
    avx512::Avx512,
    #[cfg(target_arch = "x86_64")]
    avx2::Avx2,
    portable::Portable,
    scalar::Scalar,
}
