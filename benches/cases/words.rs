//! What a request says, read from its problem string: a request has no other way to ask it.

use convolve::{Border, Conv, ElementType, Error};

use crate::request::Memory;

/// The problem string of a request.
pub(crate) struct Words(String);

/// Which of the two spatial axes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spatial {
    Rows,
    Columns,
}

impl Words {
    pub(crate) fn new(conv: &Conv) -> Self {
        Words(conv.to_string())
    }

    /// The value of a `key=value` word; what has its default has no word.
    fn value(&self, key: &str) -> Option<&str> {
        let pairs = self.0.split(' ').filter_map(|word| word.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
    }

    pub(crate) fn element(&self) -> Option<ElementType> {
        let second = self.0.split(' ').nth(1);
        ElementType::ALL.into_iter().find(|element| second == Some(element.name()))
    }

    /// How input and output lie in memory.
    pub(crate) fn memory(&self) -> [Memory; 2] {
        let layouts = self.value("layout").unwrap_or("nchw");
        let (input, output) = layouts.split_once(':').unwrap_or((layouts, layouts));
        [input, output].map(|name| if name == "nhwc" { Memory::Pixels } else { Memory::Planes })
    }

    /// Whether the output is read.
    pub(crate) fn accumulates(&self) -> bool {
        self.value("accumulate").is_some()
    }

    pub(crate) fn stride(&self, axis: Spatial) -> usize {
        self.step("stride", axis)
    }

    pub(crate) fn dilation(&self, axis: Spatial) -> usize {
        self.step("dilation", axis)
    }

    fn step(&self, key: &str, axis: Spatial) -> usize {
        let Some(value) = self.value(key) else { return 1 };
        let (rows, columns) = value.split_once('x').unwrap_or(("1", value));
        let step = match axis {
            Spatial::Rows => rows,
            Spatial::Columns => columns,
        };
        step.parse().unwrap_or(1)
    }

    /// Padding before the first input; `extent` is what the kernel spans, `outputs` what the plan says.
    pub(crate) fn before(&self, axis: Spatial, input: usize, extent: usize, outputs: usize) -> usize {
        let reach = outputs.saturating_sub(1) * self.stride(axis) + extent;
        let total = reach.saturating_sub(input);
        match self.value("padding").unwrap_or("valid") {
            "valid" => 0,
            "full" => extent - 1,
            "same" => total / 2,
            "same_lower" => total - total / 2,
            sides => sides.split(',').nth(axis.first_side()).and_then(|side| side.parse().ok()).unwrap_or(0),
        }
    }

    /// Borders before and after.
    pub(crate) fn borders(&self, axis: Spatial) -> [Border; 2] {
        let sides: Vec<&str> = self.value("border").unwrap_or("zero").split(',').collect();
        let side = |index: usize| sides.get(index).copied().unwrap_or(sides[0]);
        [side(axis.first_side()), side(axis.first_side() + 1)].map(border)
    }

    /// The sum and what follows it (activation, accumulation) for one output whose inputs lie side by side.
    pub(crate) fn single_output(&self, channels: usize, [rows, columns]: [usize; 2]) -> Result<Conv, Error> {
        let kept = |word: &&str| {
            !word.contains('=') || word.starts_with("activation=") || word.starts_with("accumulate=")
        };
        let mut words: Vec<&str> = self.0.split(' ').filter(kept).collect();
        let window = format!("in={rows}x{columns} kernel={rows}x{columns} channels={channels}:1");
        words.push(&window);
        words.join(" ").parse()
    }
}

impl Spatial {
    /// Where the axis begins in lists of top, bottom, left, right.
    fn first_side(self) -> usize {
        match self {
            Spatial::Rows => 0,
            Spatial::Columns => 2,
        }
    }
}

/// A border as the problem string prints it.
fn border(name: &str) -> Border {
    match name {
        "replicate" => Border::Replicate,
        "symmetric" => Border::Symmetric,
        "reflect101" => Border::Reflect101,
        "wrap" => Border::Wrap,
        _ => match name.strip_prefix("constant:").and_then(|value| value.parse().ok()) {
            Some(value) => Border::Constant(value),
            None => Border::Zero,
        },
    }
}
