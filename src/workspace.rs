//! Memory: the caller's workspace, its division among buffers, and aligned storage for packed kernels.

use core::mem::{align_of, size_of};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;

/// Buffers start at cache lines.
pub(crate) const ALIGNMENT: usize = 64;

/// Scratch memory for executing plans. It may be dirty, be reused across plans, and grow; each thread that
/// executes needs its own.
///
/// ```
/// use convolve::{Conv, Workspace};
/// let plan = Conv::d2([64, 64], [31, 31]).plan::<f32>()?;
/// let mut workspace = plan.workspace()?;
/// assert!(workspace.bytes() >= plan.workspace_bytes());
///
/// // One workspace for several plans:
/// let other = Conv::d1(10_000, 999).plan::<f64>()?;
/// workspace.grow_to(other.workspace_bytes())?;
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Workspace {
    memory: Vec<u8>,
}

impl Workspace {
    /// An empty one, enough for plans that need none.
    pub fn new() -> Self {
        Self::default()
    }

    /// One of `bytes` bytes, zeroed.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn with_bytes(bytes: usize) -> Result<Self, Error> {
        let mut workspace = Self::new();
        workspace.grow_to(bytes)?;
        Ok(workspace)
    }

    /// Grows to at least `bytes` bytes. Never shrinks.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], the workspace as it was.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Error> {
        let more = bytes.saturating_sub(self.memory.len());
        self.memory.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { bytes })?;
        self.memory.resize(self.memory.len() + more, 0);
        Ok(())
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.memory.len()
    }

    /// The memory itself, for `execute_in`.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.memory
    }
}

/// Types for which any bits are a value, so that dirty bytes may be read as them.
///
/// # Safety
/// Every bit pattern is a valid value, and the type has no padding.
pub unsafe trait AnyBits: Copy {}

// SAFETY: floats and integers admit every bit pattern.
unsafe impl AnyBits for f32 {}
// SAFETY: as above.
unsafe impl AnyBits for f64 {}
// SAFETY: as above.
unsafe impl AnyBits for isize {}
// SAFETY: pointers may hold any address; whoever reads through one vouches for it.
unsafe impl<T> AnyBits for *const T {}
// SAFETY: `Complex` is `repr(C)` with two floats.
#[cfg(feature = "fft")]
unsafe impl<T: AnyBits> AnyBits for num_complex::Complex<T> {}

/// Sums the bytes of buffers while planning; `None` after an overflow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Booking(Option<usize>);

impl Booking {
    pub(crate) fn new() -> Self {
        Booking(Some(0))
    }

    /// Room for `count` values of type `U`, as [`take`] will cut it.
    pub(crate) fn add<U>(self, count: usize) -> Self {
        let bytes =
            count.checked_mul(size_of::<U>()).and_then(|bytes| bytes.checked_next_multiple_of(ALIGNMENT));
        Booking(self.0.zip(bytes).and_then(|(sum, bytes)| sum.checked_add(bytes)))
    }

    /// The sum; `usize::MAX` where it does not fit.
    pub(crate) fn bytes(self) -> usize {
        self.0.unwrap_or(usize::MAX)
    }
}

/// Cuts room for `count` values off the front of `memory`, which starts at a cache line and keeps doing so.
/// The values are whatever the memory holds.
///
/// # Panics
/// If the memory is shorter than what was booked, which `execute` rules out.
#[inline]
pub(crate) fn take<'a, U: AnyBits>(memory: &mut &'a mut [u8], count: usize) -> &'a mut [U] {
    if count == 0 {
        return &mut [];
    }
    let bytes = (count * size_of::<U>()).next_multiple_of(ALIGNMENT);
    let (front, rest) = core::mem::take(memory).split_at_mut(bytes);
    *memory = rest;
    assert!(front.as_ptr().addr() % align_of::<U>() == 0);
    // SAFETY: aligned and long enough as just checked, exclusively borrowed, and any bits are a value.
    unsafe { core::slice::from_raw_parts_mut(front.as_mut_ptr().cast(), count) }
}

/// The bytes of values, to [`take`] others from.
pub(crate) fn bytes_of<T: AnyBits>(values: &mut [T]) -> &mut [u8] {
    // SAFETY: any bits are a value of either type, and neither has padding; borrowed exclusively.
    unsafe { core::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}

/// Drops bytes from the front until the memory starts at a cache line.
#[inline]
pub(crate) fn aligned(memory: &mut [u8]) -> &mut [u8] {
    let skip = memory.as_ptr().addr().next_multiple_of(ALIGNMENT) - memory.as_ptr().addr();
    let skip = skip.min(memory.len());
    &mut memory[skip..]
}

/// A workspace cut into equal parts, each handed out once.
pub(crate) struct Slots<'a> {
    base: *mut u8,
    each: usize,
    count: usize,
    claimed: AtomicUsize,
    borrowed: core::marker::PhantomData<&'a mut [u8]>,
}

// SAFETY: `claim` hands out each part once, by an atomic counter.
unsafe impl Sync for Slots<'_> {}

impl<'a> Slots<'a> {
    pub(crate) fn new(memory: &'a mut [u8], each: usize, count: usize) -> Self {
        assert!(memory.len() >= each * count);
        let base = memory.as_mut_ptr();
        Slots { base, each, count, claimed: AtomicUsize::new(0), borrowed: core::marker::PhantomData }
    }

    /// A part that nobody has yet.
    pub(crate) fn claim(&self) -> Option<&'a mut [u8]> {
        let slot = self.claimed.fetch_add(1, Ordering::Relaxed);
        // SAFETY: parts of different slots do not overlap and lie inside the memory borrowed for 'a; the counter
        // gives each slot once.
        (slot < self.count)
            .then(|| unsafe { core::slice::from_raw_parts_mut(self.base.add(slot * self.each), self.each) })
    }
}

/// A fixed number of values at a cache line.
#[derive(Debug)]
pub(crate) struct AlignedBuffer<T> {
    memory: Vec<u8>,
    offset: usize,
    len: usize,
    values: core::marker::PhantomData<T>,
}

impl<T: AnyBits> AlignedBuffer<T> {
    /// All zero bits.
    pub(crate) fn zeroed(len: usize) -> Result<Self, Error> {
        let out_of_memory = |bytes| Error::OutOfMemory { bytes };
        let bytes = len.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(ALIGNMENT));
        let bytes = bytes.ok_or(out_of_memory(usize::MAX))?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(bytes).map_err(|_| out_of_memory(bytes))?;
        memory.resize(bytes, 0u8);
        let offset = bytes - aligned(&mut memory).len();
        Ok(AlignedBuffer { memory, offset, len, values: core::marker::PhantomData })
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        let front = self.memory[self.offset..].as_ptr();
        // SAFETY: `zeroed` made room for `len` values behind the offset, which is a multiple of the alignment of
        // T; the vector never reallocates; any bits are a value.
        unsafe { core::slice::from_raw_parts(front.cast(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        let front = self.memory[self.offset..].as_mut_ptr();
        // SAFETY: as in `as_slice`, and borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(front.cast(), self.len) }
    }
}
