//! One line of JSON, its keys in the order given.

use std::fmt::{self, Display};

use serde_json::Value;

/// Keys with their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<(&'static str, Value)>);

impl Line {
    /// Adds a value. A number that is not finite becomes `null`, for JSON has no such number.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    pub(crate) fn with_optional(self, key: &'static str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (key, value)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}\"{key}\": {value}")?;
        }
        f.write_str("}")
    }
}

/// Rounded to so many digits after the first: more would only say how the noise fell.
pub(crate) fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$e}").parse().unwrap_or(value)
}
