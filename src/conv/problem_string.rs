//! The problem string: one line that names a request completely. `docs/problem-string.md` describes it.
//!
//! Words are separated by blanks. The first is `correlate` or `convolve`; `f32` or `f64` may follow; then
//! `key=value` words in any order, each at most once. What has its default is left out when printing.

use core::fmt::{self, Display, Write};
use core::str::FromStr;
use std::collections::HashSet;

use super::Conv;
use super::options::{
    Accuracy, Activation, Border, Borders, Choice, DEFAULT_WORKSPACE_LIMIT, Layout, Operation, Padding,
};
use crate::element_type::ElementType;
use crate::error::Error;

impl Display for Conv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Conv::new(self.dimensions, self.input, self.kernel, self.operation);
        f.write_str(match self.operation {
            Operation::CrossCorrelation => "correlate",
            Operation::Convolution => "convolve",
        })?;
        if let Some(element) = self.element_type {
            write!(f, " {element}")?;
        }
        write!(f, " in={}", Axes(self.dimensions, self.input))?;
        write!(f, " kernel={}", Axes(self.dimensions, self.kernel))?;
        if self.batch != 1 {
            write!(f, " batch={}", self.batch)?;
        }
        if (self.channels_in, self.channels_out) != (1, 1) {
            write!(f, " channels={}:{}", self.channels_in, self.channels_out)?;
        }
        if self.groups != 1 {
            write!(f, " groups={}", self.groups)?;
        }
        if self.stride != default.stride {
            write!(f, " stride={}", Axes(self.dimensions, self.stride))?;
        }
        if self.dilation != default.dilation {
            write!(f, " dilation={}", Axes(self.dimensions, self.dilation))?;
        }
        if self.padding != default.padding {
            write!(f, " padding=")?;
            write_padding(f, self.padding)?;
        }
        if self.border != default.border {
            write!(f, " border=")?;
            write_borders(f, self.border)?;
        }
        self.write_execution(f)
    }
}

impl Conv {
    /// The words that say how, rather than what.
    fn write_execution(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (self.input_layout, self.output_layout) != (Layout::Nchw, Layout::Nchw) {
            write!(f, " layout={}", layout_name(self.input_layout))?;
            if self.output_layout != self.input_layout {
                write!(f, ":{}", layout_name(self.output_layout))?;
            }
        }
        match self.activation {
            Activation::None => Ok(()),
            Activation::Relu => f.write_str(" activation=relu"),
            Activation::Clamp { min, max } => write!(f, " activation=clamp:{min}:{max}"),
        }?;
        if self.accumulate.to_bits() != 0 {
            write!(f, " accumulate={}", self.accumulate)?;
        }
        if let Choice::Only(name) = &self.strategy {
            write!(f, " strategy={name}")?;
        }
        if let Choice::Only(name) = &self.instruction_set {
            write!(f, " isa={name}")?;
        }
        if self.accuracy == Accuracy::Componentwise {
            f.write_str(" accuracy=componentwise")?;
        }
        if self.workspace_limit != DEFAULT_WORKSPACE_LIMIT {
            write!(f, " workspace_limit={}", self.workspace_limit)?;
        }
        Ok(())
    }
}

/// `columns`, or `rows` x `columns` in two dimensions. A row entry other than 1 in a request of one dimension is
/// refused when planning; it is printed, so that nothing is hidden.
struct Axes(usize, [usize; 2]);

impl Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Axes(1, [1, columns]) => write!(f, "{columns}"),
            Axes(_, [rows, columns]) => write!(f, "{rows}x{columns}"),
        }
    }
}

fn write_padding(f: &mut fmt::Formatter<'_>, padding: Padding) -> fmt::Result {
    match padding {
        Padding::Valid => f.write_str("valid"),
        Padding::Same => f.write_str("same"),
        Padding::SameLower => f.write_str("same_lower"),
        Padding::Full => f.write_str("full"),
        Padding::Explicit { top, bottom, left, right } => write!(f, "{top},{bottom},{left},{right}"),
    }
}

fn write_borders(f: &mut fmt::Formatter<'_>, borders: Borders) -> fmt::Result {
    let Borders { top, bottom, left, right } = borders;
    if top == bottom && top == left && top == right {
        return write_border(f, top);
    }
    for (i, border) in [top, bottom, left, right].into_iter().enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        write_border(f, border)?;
    }
    Ok(())
}

fn write_border(f: &mut fmt::Formatter<'_>, border: Border) -> fmt::Result {
    match border {
        Border::Zero => f.write_str("zero"),
        Border::Constant(value) => write!(f, "constant:{value}"),
        Border::Replicate => f.write_str("replicate"),
        Border::Symmetric => f.write_str("symmetric"),
        Border::Reflect101 => f.write_str("reflect101"),
        Border::Wrap => f.write_str("wrap"),
    }
}

fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    }
}

impl FromStr for Conv {
    type Err = Error;

    fn from_str(text: &str) -> Result<Conv, Error> {
        let mut words = text.split_whitespace().peekable();
        let operation = match words.next() {
            Some("correlate") => Operation::CrossCorrelation,
            Some("convolve") => Operation::Convolution,
            other => return Err(unreadable(other.unwrap_or(""), "`correlate` or `convolve` first")),
        };
        let element = ElementType::ALL.into_iter().find(|element| words.peek() == Some(&element.name()));
        if element.is_some() {
            words.next();
        }
        let pairs = pairs(words)?;
        let find = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
        let input =
            axes(find("in").ok_or_else(|| unreadable(text, "a word `in=columns` or `in=rowsxcolumns`"))?)?;
        let dimensions = input.len();
        let both = |axes: Vec<usize>| if axes.len() == 2 { [axes[0], axes[1]] } else { [1, axes[0]] };
        let kernel = axes(
            find("kernel").ok_or_else(|| unreadable(text, "a word `kernel=` with as many axes as `in=`"))?,
        )?;
        if kernel.len() != dimensions {
            return Err(unreadable(find("kernel").unwrap_or(""), "as many kernel axes as `in=` has"));
        }
        let mut conv = Conv::new(dimensions, both(input), both(kernel), operation);
        conv.element_type = element;
        for (key, value) in pairs {
            conv.set(key, value)?;
        }
        Ok(conv)
    }
}

impl Conv {
    /// Applies one `key=value` word.
    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let each = |value: &str| match axes(value)?[..] {
            [rows, columns] => Ok([rows, columns]),
            [columns] if self.dimensions == 1 => Ok([1, columns]),
            _ => Err(unreadable(value, "rows x columns, such as `2x2`")),
        };
        match key {
            "in" | "kernel" => {}
            "batch" => self.batch = number(value)?,
            "channels" => {
                let (input, output) =
                    value.split_once(':').ok_or_else(|| unreadable(value, "`input:output`"))?;
                (self.channels_in, self.channels_out) = (number(input)?, number(output)?);
            }
            "groups" => self.groups = number(value)?,
            "stride" => self.stride = each(value)?,
            "dilation" => self.dilation = each(value)?,
            "padding" => self.padding = padding(value)?,
            "border" => self.border = borders(value)?,
            "layout" => {
                let (input, output) = value.split_once(':').unwrap_or((value, value));
                (self.input_layout, self.output_layout) = (layout(input)?, layout(output)?);
            }
            "activation" => self.activation = activation(value)?,
            "accumulate" => self.accumulate = real(value)?,
            "strategy" => self.strategy = choice(value),
            "isa" => self.instruction_set = choice(value),
            "accuracy" => {
                self.accuracy = match value {
                    "componentwise" => Accuracy::Componentwise,
                    "normwise" => Accuracy::Normwise,
                    _ => return Err(unreadable(value, "`componentwise` or `normwise`")),
                }
            }
            "workspace_limit" => self.workspace_limit = number(value)?,
            _ => return Err(unreadable(key, "a key of the problem string")),
        }
        Ok(())
    }
}

/// Splits the words at `=`, and refuses a key that comes twice.
fn pairs<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let (mut pairs, mut keys) = (Vec::new(), HashSet::new());
    for word in words {
        let (key, value) = word.split_once('=').ok_or_else(|| unreadable(word, "a word `key=value`"))?;
        if !keys.insert(key) {
            return Err(unreadable(word, "each key once"));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn axes(value: &str) -> Result<Vec<usize>, Error> {
    let axes = value.split('x').map(number).collect::<Result<Vec<_>, _>>()?;
    if axes.len() > 2 { Err(unreadable(value, "one or two axes")) } else { Ok(axes) }
}

fn number(value: &str) -> Result<usize, Error> {
    value.parse().map_err(|_| unreadable(value, "a whole number"))
}

fn real(value: &str) -> Result<f64, Error> {
    value.parse().map_err(|_| unreadable(value, "a real number"))
}

fn choice(value: &str) -> Choice {
    Choice::from(value.to_string())
}

fn layout(value: &str) -> Result<Layout, Error> {
    match value {
        "nchw" => Ok(Layout::Nchw),
        "nhwc" => Ok(Layout::Nhwc),
        _ => Err(unreadable(value, "`nchw` or `nhwc`")),
    }
}

fn padding(value: &str) -> Result<Padding, Error> {
    Ok(match value {
        "valid" => Padding::Valid,
        "same" => Padding::Same,
        "same_lower" => Padding::SameLower,
        "full" => Padding::Full,
        _ => {
            let sides = value.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
            let [top, bottom, left, right] = sides[..] else {
                return Err(unreadable(value, "a padding mode or `top,bottom,left,right`"));
            };
            Padding::Explicit { top, bottom, left, right }
        }
    })
}

fn borders(value: &str) -> Result<Borders, Error> {
    let sides = value.split(',').map(border).collect::<Result<Vec<_>, _>>()?;
    match sides[..] {
        [all] => Ok(Borders::all(all)),
        [top, bottom, left, right] => Ok(Borders { top, bottom, left, right }),
        _ => Err(unreadable(value, "one border or `top,bottom,left,right`")),
    }
}

fn border(value: &str) -> Result<Border, Error> {
    Ok(match value {
        "zero" => Border::Zero,
        "replicate" => Border::Replicate,
        "symmetric" => Border::Symmetric,
        "reflect101" => Border::Reflect101,
        "wrap" => Border::Wrap,
        _ => match value.split_once(':') {
            Some(("constant", constant)) => Border::Constant(real(constant)?),
            _ => {
                return Err(unreadable(
                    value,
                    "zero, constant:VALUE, replicate, symmetric, reflect101 or wrap",
                ));
            }
        },
    })
}

fn activation(value: &str) -> Result<Activation, Error> {
    let mut parts = value.split(':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("none"), None, ..) => Ok(Activation::None),
        (Some("relu"), None, ..) => Ok(Activation::Relu),
        (Some("clamp"), Some(min), Some(max), None) => {
            Ok(Activation::Clamp { min: real(min)?, max: real(max)? })
        }
        _ => Err(unreadable(value, "none, relu or clamp:MIN:MAX")),
    }
}

#[cold]
fn unreadable(got: &str, expected: &'static str) -> Error {
    Error::Parse { got: got.to_string(), expected }
}
