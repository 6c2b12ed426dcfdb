//! Problems as JSON objects, the form that lists for comparing libraries have:
//!
//! - `conv2d` n c_in h w c_out kh kw stride pad dilation groups: cross-correlation, zero border; pairs are `[y, x]`.
//! - `conv1d` n c_in len c_out k stride pad dilation groups: the same with one axis.
//! - `filter2d` h w c kh kw border sep blur box: cross-correlation of an image, as large as before, one kernel for all
//!   of the `c` interleaved channels, its centre at half its size. `sep`: the kernel is an outer product; `blur`: of taps
//!   that are alike from either end; `box`: all of its taps are equal.
//! - `signal1d` n k mode box: convolution, `full`, `same` (SciPy's) or `valid`.
//!
//! Each has a `name` and a `dtype`.

use convolve::{Border, Conv, ElementType, Layout, Padding};
use serde_json::Value;

use crate::request::{Request, Taps};

/// Why a row is not a request.
pub(crate) enum RowError {
    /// A key is missing or has a value that makes no sense.
    Malformed(String),
    /// It is well said, but this crate has no such thing.
    NotSupported(String),
}

impl From<String> for RowError {
    fn from(error: String) -> Self {
        RowError::Malformed(error)
    }
}

/// The name of a row.
pub(crate) fn name(row: &Value) -> Result<String, String> {
    text(row, "name").map(str::to_string)
}

/// The request that a row states. `layout` is imposed on `conv2d` and `conv1d`.
pub(crate) fn request(row: &Value, layout: Option<Layout>) -> Result<Request, RowError> {
    let element = element(text(row, "dtype")?)?;
    let layout = layout.unwrap_or(Layout::Nchw);
    match text(row, "kind")? {
        "conv2d" => Ok(Request::new(conv2d(row)?.layout(layout).element_type(element))),
        "conv1d" => Ok(Request::new(conv1d(row)?.layout(layout).element_type(element))),
        "filter2d" => filter2d(row, element),
        "signal1d" => signal1d(row, element),
        kind => Err(RowError::NotSupported(format!("problems of kind `{kind}` are not supported"))),
    }
}

fn element(name: &str) -> Result<ElementType, RowError> {
    let element = ElementType::ALL.into_iter().find(|element| element.name() == name);
    element.ok_or_else(|| RowError::NotSupported(format!("element type {name} is not supported")))
}

fn conv2d(row: &Value) -> Result<Conv, String> {
    let [rows, columns] = pair(row, "pad")?;
    let input = [number(row, "h")?, number(row, "w")?];
    let kernel = [number(row, "kh")?, number(row, "kw")?];
    let conv = Conv::d2(input, kernel).padding(Padding::symmetric(rows, columns));
    with_channels(row, conv.stride(pair(row, "stride")?).dilation(pair(row, "dilation")?))
}

fn conv1d(row: &Value) -> Result<Conv, String> {
    let conv =
        Conv::d1(number(row, "len")?, number(row, "k")?).padding(Padding::columns(number(row, "pad")?));
    with_channels(row, conv.stride(number(row, "stride")?).dilation(number(row, "dilation")?))
}

fn with_channels(row: &Value, conv: Conv) -> Result<Conv, String> {
    let conv = conv.batch(number(row, "n")?).channels(number(row, "c_in")?, number(row, "c_out")?);
    Ok(conv.groups(number(row, "groups")?))
}

fn filter2d(row: &Value, element: ElementType) -> Result<Request, RowError> {
    let border = match text(row, "border")? {
        "zero" => Border::Zero,
        "reflect" => Border::Reflect101,
        border => return Err(RowError::NotSupported(format!("border {border} is not supported"))),
    };
    let channels = number(row, "c")?;
    let kernel = [number(row, "kh")?, number(row, "kw")?];
    let [top, left] = kernel.map(|taps| taps / 2);
    let [bottom, right] = kernel.map(|taps| taps.div_ceil(2).saturating_sub(1));
    let layout = if channels > 1 { Layout::Nhwc } else { Layout::Nchw };
    let conv = Conv::d2([number(row, "h")?, number(row, "w")?], kernel)
        .channels(channels, channels)
        .groups(channels)
        .layout(layout)
        .padding(Padding::Explicit { top, bottom, left, right })
        .border(border)
        .element_type(element);
    let taps = if taps_of(row) == Taps::Dense { Taps::Shared } else { taps_of(row) };
    Ok(Request { taps, ..Request::new(conv) })
}

fn taps_of(row: &Value) -> Taps {
    let is = |key: &str| row[key].as_bool().unwrap_or(false);
    match (is("box"), is("blur"), is("sep")) {
        (true, _, _) => Taps::Level,
        (_, true, _) => Taps::Symmetric,
        (_, _, true) => Taps::Separable,
        _ => Taps::Dense,
    }
}

fn signal1d(row: &Value, element: ElementType) -> Result<Request, RowError> {
    let (samples, taps) = (number(row, "n")?, number(row, "k")?);
    let before_centre = taps.saturating_sub(1) / 2;
    let conv = Conv::d1(samples, taps).convolution().element_type(element);
    let multiply_adds = Some(samples as f64 * taps as f64);
    let request = match text(row, "mode")? {
        "full" => Request { multiply_adds, ..Request::new(conv.padding(Padding::Full)) },
        "same" => {
            let left = taps.saturating_sub(1) - before_centre;
            let padding = Padding::Explicit { top: 0, bottom: 0, left, right: before_centre };
            Request { multiply_adds, ..Request::new(conv.padding(padding)) }
        }
        "valid" => Request::new(conv),
        mode => return Err(RowError::NotSupported(format!("mode {mode} is not supported"))),
    };
    Ok(Request { taps: taps_of(row), ..request })
}

fn text<'a>(row: &'a Value, key: &str) -> Result<&'a str, String> {
    row[key].as_str().ok_or_else(|| format!("expected a string `{key}`, got {}", row[key]))
}

fn number(row: &Value, key: &str) -> Result<usize, String> {
    whole(&row[key]).ok_or_else(|| format!("expected a whole number `{key}`, got {}", row[key]))
}

fn pair(row: &Value, key: &str) -> Result<[usize; 2], String> {
    let both = |values: &Vec<Value>| match &values[..] {
        [y, x] => Some([whole(y)?, whole(x)?]),
        _ => None,
    };
    let pair = row[key].as_array().and_then(both);
    pair.ok_or_else(|| format!("expected two whole numbers `{key}`, got {}", row[key]))
}

fn whole(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}
