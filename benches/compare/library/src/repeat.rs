//! Many calls of a function of any library, with nothing in between: what a short call takes is less than what it takes
//! to get there from Python.

use std::ffi::c_int;

/// No function that is called has more arguments.
const MOST_WORDS: usize = 9;

/// A function whose arguments are integers and pointers, up to nine of them, and which returns 0 if it succeeds.
type Function = unsafe extern "C" fn(usize, usize, usize, usize, usize, usize, usize, usize, usize) -> c_int;

/// Calls `function` so many times. Returns 0, or what the calls that failed have returned, combined.
///
/// # Safety
///
/// `words` holds [`MOST_WORDS`] of them, the first of which are arguments that the function can be called with `count`
/// times. It may have fewer parameters: in C the caller clears arguments away.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_repeat(
    function: Function,
    words: *const [usize; MOST_WORDS],
    count: usize,
) -> c_int {
    // SAFETY: the caller vouches for the words.
    let [a, b, c, d, e, f, g, h, i] = unsafe { *words };
    let mut status = 0;
    for _ in 0..count {
        // SAFETY: the caller vouches for the function and its arguments.
        status |= unsafe { function(a, b, c, d, e, f, g, h, i) };
    }
    status
}
