//! Lists of problems. Either one problem string on a line, or one JSON object (see `rows`); blank lines, and lines
//! that begin with `#`, are left out. The first character that counts tells which of the two a list is.

use std::fs;
use std::path::Path;

use convolve::{Conv, Layout};

use crate::request::Request;
use crate::rows::{self, RowError};

/// A problem with its name, or why this runner has no way to state it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Result<Request, String>,
}

/// Reads a list. `layout` is imposed on every problem with channels.
pub(crate) fn read(path: &Path, layout: Option<Layout>) -> Result<Vec<Case>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().map(str::trim).enumerate();
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    let is_json = lines.first().is_some_and(|(_, line)| line.starts_with('{'));
    let cases = lines.into_iter().map(|(index, line)| {
        let case = if is_json { json_case(line, layout) } else { string_case(line, layout) };
        case.map_err(|error| format!("{}:{}: {error}", path.display(), index + 1))
    });
    cases.collect()
}

fn string_case(line: &str, layout: Option<Layout>) -> Result<Case, String> {
    let conv: Conv = line.parse().map_err(|error: convolve::Error| error.to_string())?;
    let conv = match layout {
        Some(layout) => conv.layout(layout),
        None => conv,
    };
    Ok(Case { name: line.to_string(), request: Ok(Request::new(conv)) })
}

fn json_case(line: &str, layout: Option<Layout>) -> Result<Case, String> {
    let row = serde_json::from_str(line);
    let row = row.map_err(|error| format!("not JSON from column {} on", error.column()))?;
    let name = rows::name(&row)?;
    let request = match rows::request(&row, layout) {
        Ok(request) => Ok(request),
        Err(RowError::NotSupported(reason)) => Err(reason),
        Err(RowError::Malformed(error)) => return Err(error),
    };
    Ok(Case { name, request })
}
