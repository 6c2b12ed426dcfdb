//! The crate behind a small C interface: a caller makes a layer, asks for its sizes, runs it as often as it likes and
//! frees it. Arrays hold the element type that the problem string names, or `f32`. Whatever fails, a panic included,
//! leaves its reason in [`convolve_last_error`].

mod layer;
mod repeat;

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use convolve::{Conv, Element, ElementType};

use layer::Layer;

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// What a caller holds.
pub struct Handle {
    layer: AnyLayer,
    name: CString,
    explanation: CString,
}

enum AnyLayer {
    F32(Layer<f32>),
    F64(Layer<f64>),
}

/// An array of the caller: the first element, and how many there are.
#[derive(Clone, Copy)]
pub struct Array {
    first: *mut c_void,
    length: usize,
}

impl Array {
    /// # Safety
    ///
    /// `first` points to `length` values of type `T`, which nobody writes for as long as the slice is in use.
    unsafe fn slice<'a, T>(self) -> &'a [T] {
        // SAFETY: that is what the caller vouches for.
        unsafe { slice::from_raw_parts(self.first.cast(), self.length) }
    }

    /// # Safety
    ///
    /// As [`slice`](Array::slice), and nobody else reads them either.
    unsafe fn slice_mut<'a, T>(self) -> &'a mut [T] {
        // SAFETY: that is what the caller vouches for.
        unsafe { slice::from_raw_parts_mut(self.first.cast(), self.length) }
    }
}

/// How much of the work has been done before a call.
enum Prepared {
    All,
    Plan(Array),
    Nothing(Array),
}

/// Chooses, plans and packs for `problem` and `kernel` (output channel, input channel of the group, row, column), and
/// makes the workspace and, for several threads, the pool. Null if that fails.
///
/// # Safety
///
/// `problem` is a string that ends with a zero, `kernel` is an array of its element type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_new(
    problem: *const c_char,
    kernel: *const c_void,
    kernel_length: usize,
    threads: usize,
) -> *mut Handle {
    let make = || {
        // SAFETY: the caller ends the string with a zero.
        let conv: Conv = unsafe { CStr::from_ptr(problem) }.to_str()?.parse()?;
        let kernel = Array { first: kernel.cast_mut(), length: kernel_length };
        match conv.element_type {
            Some(ElementType::F64) => {
                // SAFETY: the caller vouches for the array, and the request is for this type.
                let layer = Layer::new(conv, unsafe { kernel.slice() }, threads)?;
                Ok(Handle {
                    name: layer.name()?,
                    explanation: layer.explanation()?,
                    layer: AnyLayer::F64(layer),
                })
            }
            _ => {
                // SAFETY: as above.
                let layer = Layer::new(conv, unsafe { kernel.slice() }, threads)?;
                Ok(Handle {
                    name: layer.name()?,
                    explanation: layer.explanation()?,
                    layer: AnyLayer::F32(layer),
                })
            }
        }
    };
    guarded(make).map_or(ptr::null_mut(), |handle| Box::into_raw(Box::new(handle)))
}

/// Writes the sizes of input, kernel and output, four of each.
///
/// # Safety
///
/// `handle` came from [`convolve_new`] and has not been freed; `sizes` has room for twelve.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_shapes(handle: *const Handle, sizes: *mut [[usize; 4]; 3]) {
    // SAFETY: the caller vouches for the handle.
    let shapes = match unsafe { &(*handle).layer } {
        AnyLayer::F32(layer) => layer.shapes(),
        AnyLayer::F64(layer) => layer.shapes(),
    };
    // SAFETY: the caller vouches for the room.
    unsafe { *sizes = shapes }
}

/// Computes with all prepared. Returns 0, or 1 if that fails.
///
/// # Safety
///
/// `handle` came from [`convolve_new`], has not been freed, and is in no other call; input and output are arrays of its
/// element type with the lengths given, and do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_run(
    handle: *mut Handle,
    input: *const c_void,
    input_length: usize,
    output: *mut c_void,
    output_length: usize,
) -> c_int {
    let input = Array { first: input.cast_mut(), length: input_length };
    // SAFETY: the caller vouches for all of them.
    unsafe { run(handle, Prepared::All, input, Array { first: output, length: output_length }) }
}

/// As [`convolve_run`], for another kernel in the same plan and workspace: packs it and computes.
///
/// # Safety
///
/// As for [`convolve_run`]; the kernel is one more such array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_pack_and_run(
    handle: *mut Handle,
    kernel: *const c_void,
    kernel_length: usize,
    input: *const c_void,
    input_length: usize,
    output: *mut c_void,
    output_length: usize,
) -> c_int {
    let kernel = Array { first: kernel.cast_mut(), length: kernel_length };
    let input = Array { first: input.cast_mut(), length: input_length };
    let output = Array { first: output, length: output_length };
    // SAFETY: the caller vouches for all of them.
    unsafe { run(handle, Prepared::Plan(kernel), input, output) }
}

/// As [`convolve_run`], with nothing prepared: chooses, plans, packs, allocates and computes.
///
/// # Safety
///
/// As for [`convolve_run`]; the kernel is one more such array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_run_once(
    handle: *mut Handle,
    kernel: *const c_void,
    kernel_length: usize,
    input: *const c_void,
    input_length: usize,
    output: *mut c_void,
    output_length: usize,
) -> c_int {
    let kernel = Array { first: kernel.cast_mut(), length: kernel_length };
    let input = Array { first: input.cast_mut(), length: input_length };
    let output = Array { first: output, length: output_length };
    // SAFETY: the caller vouches for all of them.
    unsafe { run(handle, Prepared::Nothing(kernel), input, output) }
}

/// # Safety
///
/// As for [`convolve_run`].
unsafe fn run(handle: *mut Handle, prepared: Prepared, input: Array, output: Array) -> c_int {
    // SAFETY: the caller has made the handle and uses it in this call only.
    let handle = unsafe { &mut *handle };
    let work = || {
        match &mut handle.layer {
            // SAFETY: the arrays hold the element type of the problem, which is that of the layer.
            AnyLayer::F32(layer) => unsafe { run_layer(layer, prepared, input, output) },
            // SAFETY: as above.
            AnyLayer::F64(layer) => unsafe { run_layer(layer, prepared, input, output) },
        }?;
        Ok(())
    };
    c_int::from(guarded(work).is_none())
}

/// # Safety
///
/// The arrays hold values of type `T` and do not overlap.
unsafe fn run_layer<T: Element>(
    layer: &mut Layer<T>,
    prepared: Prepared,
    input: Array,
    output: Array,
) -> Result<(), convolve::Error> {
    // SAFETY: that is what the caller vouches for.
    let (input, output) = unsafe { (input.slice(), output.slice_mut()) };
    match prepared {
        Prepared::All => layer.run(input, output),
        // SAFETY: as above.
        Prepared::Plan(kernel) => layer.pack_and_run(unsafe { kernel.slice() }, input, output),
        // SAFETY: as above.
        Prepared::Nothing(kernel) => layer.run_once(unsafe { kernel.slice() }, input, output),
    }
}

/// Names of strategy and instruction set, valid until the handle is freed.
///
/// # Safety
///
/// `handle` came from [`convolve_new`] and has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_name(handle: *const Handle) -> *const c_char {
    // SAFETY: the caller vouches for the handle.
    unsafe { (*handle).name.as_ptr() }
}

/// Why the strategy was chosen, valid until the handle is freed.
///
/// # Safety
///
/// `handle` came from [`convolve_new`] and has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_explanation(handle: *const Handle) -> *const c_char {
    // SAFETY: the caller vouches for the handle.
    unsafe { (*handle).explanation.as_ptr() }
}

/// # Safety
///
/// `handle` came from [`convolve_new`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convolve_free(handle: *mut Handle) {
    // SAFETY: it was boxed by `convolve_new`, and the caller gives it up.
    drop(unsafe { Box::from_raw(handle) });
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
