//! Operations on lanes by way of memory, for instruction sets that have nothing better.

use core::mem::MaybeUninit;

use super::Lanes;

/// Lanes of two vectors of the widest kind.
const MOST_LANES: usize = 32;

/// See [`Lanes::shift`].
#[inline(always)]
pub(super) fn shift<T: Copy, I: Lanes<T>>(isa: I, low: I::Vector, high: I::Vector, by: usize) -> I::Vector {
    debug_assert!(by <= I::LANES && 2 * I::LANES <= MOST_LANES);
    let mut both = [const { MaybeUninit::<T>::uninit() }; MOST_LANES];
    let start: *mut T = both.as_mut_ptr().cast();
    // SAFETY: both vectors fit, one behind the other, and `by` leaves a whole one.
    unsafe {
        isa.store(start, low);
        isa.store(start.add(I::LANES), high);
        isa.load(start.add(by))
    }
}

/// See [`Lanes::load_lanes`].
///
/// # Safety
/// As there.
#[inline(always)]
pub(super) unsafe fn load_lanes<T: Copy, I: Lanes<T>>(
    isa: I,
    from: *const T,
    lanes: u64,
    outside: I::Vector,
) -> I::Vector {
    debug_assert!(I::LANES <= MOST_LANES);
    let mut values = [const { MaybeUninit::<T>::uninit() }; MOST_LANES];
    // SAFETY: a vector fits, all of which is written before it is read; the caller vouches for the elements.
    unsafe {
        isa.store(values.as_mut_ptr().cast(), outside);
        for (lane, value) in values.iter_mut().enumerate().take(I::LANES) {
            if lanes >> lane & 1 == 1 {
                *value = MaybeUninit::new(*from.wrapping_add(lane));
            }
        }
        isa.load(values.as_ptr().cast())
    }
}

/// Two vectors whose element `at`, counted through both, has moved to `place(at)`. By way of memory: for instruction
/// sets with nothing better.
#[inline(always)]
pub(super) fn rearrange<T: Copy, I: Lanes<T>>(
    isa: I,
    vectors: [I::Vector; 2],
    place: impl Fn(usize) -> usize,
) -> [I::Vector; 2] {
    debug_assert!(2 * I::LANES <= MOST_LANES);
    let mut from = [const { MaybeUninit::<T>::uninit() }; MOST_LANES];
    let mut to = [const { MaybeUninit::<T>::uninit() }; MOST_LANES];
    // SAFETY: both vectors fit, one behind the other, before and after; every place is written before it is read.
    unsafe {
        isa.store(from.as_mut_ptr().cast(), vectors[0]);
        isa.store(from.as_mut_ptr().cast::<T>().add(I::LANES), vectors[1]);
        for at in 0..2 * I::LANES {
            to[place(at)] = from[at];
        }
        let to = to.as_ptr().cast::<T>();
        [isa.load(to), isa.load(to.add(I::LANES))]
    }
}
