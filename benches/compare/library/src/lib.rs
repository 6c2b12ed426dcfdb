//! The crate behind a small C interface: a caller makes a layer, asks for its sizes, runs it as often as it likes and
//! frees it. Whatever fails, a panic included, leaves its reason in [`convolve_last_error`].

mod layer;

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::ffi::{CStr, CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use layer::Layer;

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Plans `problem`, packs `kernel` (output channel, input channel of the group, row, column) for it, and makes the
/// workspace and, for several threads, the pool. Null if that fails.
///
/// # Safety
///
/// `problem` is a string that ends with a zero, `kernel` points to `kernel_length` values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_new(
    problem: *const c_char,
    kernel: *const f32,
    kernel_length: usize,
    threads: usize,
) -> *mut Layer {
    let make = || {
        // SAFETY: the caller ends the string with a zero.
        let problem = unsafe { CStr::from_ptr(problem) }.to_str()?;
        // SAFETY: the caller vouches for pointer and length.
        let kernel = unsafe { slice::from_raw_parts(kernel, kernel_length) };
        Layer::new(problem, kernel, threads)
    };
    guarded(make).map_or(ptr::null_mut(), |layer| Box::into_raw(Box::new(layer)))
}

/// Writes the sizes of input, kernel and output, four of each.
///
/// # Safety
///
/// `layer` came from [`convolve_new`] and has not been freed; `sizes` has room for twelve.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_shapes(layer: *const Layer, sizes: *mut [[usize; 4]; 3]) {
    // SAFETY: the caller vouches for both pointers.
    unsafe { *sizes = (*layer).shapes() }
}

/// Computes. Returns 0, or 1 if that fails.
///
/// # Safety
///
/// `layer` came from [`convolve_new`], has not been freed, and is in no other call; input and output have the lengths
/// given and do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_run(
    layer: *mut Layer,
    input: *const f32,
    input_length: usize,
    output: *mut f32,
    output_length: usize,
) -> c_int {
    // SAFETY: the caller has made the layer and uses it in this call only.
    let layer = unsafe { &mut *layer };
    // SAFETY: the caller vouches for pointer and length.
    let input = unsafe { slice::from_raw_parts(input, input_length) };
    // SAFETY: as above, and nothing else reads or writes the output meanwhile.
    let output = unsafe { slice::from_raw_parts_mut(output, output_length) };
    c_int::from(guarded(|| Ok(layer.run(input, output)?)).is_none())
}

/// Names of strategy and instruction set, valid until the layer is freed.
///
/// # Safety
///
/// `layer` came from [`convolve_new`] and has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_name(layer: *const Layer) -> *const c_char {
    // SAFETY: the caller vouches for the layer.
    unsafe { (*layer).name.as_ptr() }
}

/// Why the strategy was chosen, valid until the layer is freed.
///
/// # Safety
///
/// `layer` came from [`convolve_new`] and has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_explanation(layer: *const Layer) -> *const c_char {
    // SAFETY: the caller vouches for the layer.
    unsafe { (*layer).explanation.as_ptr() }
}

/// # Safety
///
/// `layer` came from [`convolve_new`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_free(layer: *mut Layer) {
    // SAFETY: it was boxed by `convolve_new`, and the caller gives it up.
    drop(unsafe { Box::from_raw(layer) });
}

/// Why the last call on this thread failed, valid until the next one fails.
#[unsafe(no_mangle)]
pub extern "C" fn convolve_last_error() -> *const c_char {
    LAST_ERROR.with_borrow(|error| error.as_ptr())
}

/// What `work` returns, unless it fails or panics. A panic must not leave Rust.
fn guarded<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Option<T> {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("panic: {}", panic_message(&*panic)),
    };
    let reason = CString::new(reason.replace('\0', " ")).unwrap_or_default();
    LAST_ERROR.with_borrow_mut(|error| *error = reason);
    None
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
