//! Planning: any request and any problem string gives a plan or an error, never a panic nor a large allocation.

use convolve::{Conv, Element, Error, Plan};

use super::Reached;
use super::bytes::Bytes;
use super::request::{AMPLE_WORKSPACE, Request};

/// The promise of [`Conv::workspace_limit`] for the strategies that heed no limit.
const WORKSPACE_OF_OTHERS: usize = 4 << 20;
const WORKSPACE_OF_SEPARABLE: usize = 8 << 20;
/// A workspace of any alignment is asked for with room to align it.
const CACHE_LINE: usize = 64;

/// Words for problem strings, values apart from their keys so that they meet in wrong combinations too.
const WORDS: [&str; 64] = [
    "correlate",
    "convolve",
    " f32",
    " f64",
    " in=",
    " kernel=",
    " batch=",
    " channels=",
    " groups=",
    " stride=",
    " dilation=",
    " padding=",
    " border=",
    " layout=",
    " activation=",
    " accumulate=",
    " strategy=",
    " isa=",
    " accuracy=",
    " workspace_limit=",
    " ",
    "=",
    "x",
    ":",
    ",",
    "-",
    ".",
    "\u{3000}",
    "0",
    "1",
    "2",
    "3",
    "fft",
    "16",
    "100",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "NaN",
    "-inf",
    "valid",
    "same",
    "same_lower",
    "full",
    "zero",
    "constant:",
    "replicate",
    "symmetric",
    "reflect101",
    "wrap",
    "nchw",
    "nhwc",
    "none",
    "relu",
    "clamp:",
    "auto",
    "direct",
    "gemm",
    "winograd",
    "scalar",
    "componentwise",
    "normwise",
];

/// The first byte decides where the request comes from, the others what it is.
pub fn check(data: &[u8]) -> Reached {
    let mut bytes = Bytes::new(data);
    match bytes.below(4) {
        0 => check_text(&String::from_utf8_lossy(bytes.rest())),
        1 => {
            let mut text = String::new();
            while !bytes.is_empty() {
                text += bytes.pick(&WORDS);
            }
            check_text(&text)
        }
        _ => check_request(&Request::hostile(&mut bytes)),
    }
}

fn check_text(text: &str) -> Reached {
    match text.parse::<Conv>() {
        Ok(conv) => {
            assert_comes_back(&conv);
            plan_both(&conv.workspace_limit(AMPLE_WORKSPACE), AMPLE_WORKSPACE, None)
        }
        Err(error) => {
            assert_says_something(&error);
            Reached::default()
        }
    }
}

fn check_request(request: &Request) -> Reached {
    let conv = request.conv();
    assert_comes_back(&conv);
    plan_both(&conv, request.workspace_limit, Some(request))
}

/// The problem string reads back as the same request.
fn assert_comes_back(conv: &Conv) {
    let text = conv.to_string();
    let back = text.parse::<Conv>().unwrap_or_else(|error| panic!("`{text}` is not read back: {error}"));
    // Requests with NaN are not equal to themselves, but print the same.
    assert!(back == *conv || back.to_string() == text, "`{text}` reads back as `{back}`");
}

fn assert_says_something(error: &Error) {
    assert!(!error.to_string().is_empty(), "{error:?} prints nothing");
}

/// Plans for both element types. `request` is what the formula for the output is taken from.
fn plan_both(conv: &Conv, workspace_limit: usize, request: Option<&Request>) -> Reached {
    let mut reached = Reached::default();
    plan::<f32>(conv, workspace_limit, request, &mut reached);
    plan::<f64>(conv, workspace_limit, request, &mut reached);
    reached
}

fn plan<T: Element>(conv: &Conv, workspace_limit: usize, request: Option<&Request>, reached: &mut Reached) {
    let plan = match conv.plan::<T>() {
        Ok(plan) => plan,
        Err(error) => return assert_says_something(&error),
    };
    assert_explains_itself(conv, &plan);
    if let Some(request) = request {
        let shape = plan.output_shape().map(|size| size as i128);
        assert_eq!(Some(shape), request.output_shape(), "{plan:?}");
    }
    let most = match plan.strategy() {
        "fft" | "winograd" | "dot" => workspace_limit,
        "direct" => workspace_limit.max(WORKSPACE_OF_OTHERS),
        "separable" => WORKSPACE_OF_SEPARABLE,
        _ => WORKSPACE_OF_OTHERS,
    };
    assert!(plan.workspace_bytes() <= most + CACHE_LINE, "{plan:?}: {} bytes", plan.workspace_bytes());
    reached.add(&plan);
}

fn assert_explains_itself<T: Element>(conv: &Conv, plan: &Plan<T>) {
    let explanation = plan.explain();
    assert!(explanation.to_string().contains(plan.strategy()), "{explanation}");
    assert_eq!(explanation.output, plan.output_shape());
    let named = conv.clone().element_type(T::TYPE);
    assert_eq!(explanation.problem, named.to_string());
    assert_eq!(named.output_shape(), Ok(plan.output_shape()), "{named}");
    assert_comes_back(&named);
}
