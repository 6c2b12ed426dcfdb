//! One filter on one picture: ask the dispatcher, then run every strategy, time it and compare the results.

use std::time::{Duration, Instant};

use convolve::{Border, Candidate, Conv, Convolver, Error, Layout, Padding, View, ViewMut};

use crate::filters::Filter;
use crate::picture::Picture;

/// Runs are repeated until this much time has passed, and the fastest counts.
const TIME_PER_STRATEGY: Duration = Duration::from_millis(100);
/// Strategies that predict more than this for one run are left out, so that large photos end soon.
const LONGEST_SECONDS: f64 = 10.0;

/// What became of one filter.
pub(crate) struct Measured {
    /// The strategy that the dispatcher takes.
    pub(crate) chosen: &'static str,
    pub(crate) rows: Vec<Row>,
    /// Between the results of any strategy and of the one chosen, in gray levels.
    pub(crate) largest_difference: f32,
    /// The result of the strategy chosen: one picture for each kernel of the filter, one after the other.
    pub(crate) values: Vec<f32>,
}

/// One strategy.
pub(crate) struct Row {
    /// Its name, and what it predicts or why it declines.
    pub(crate) candidate: Candidate,
    /// The fastest run; `None` if there was none.
    pub(crate) seconds: Option<f64>,
}

pub(crate) fn measure(picture: &Picture, filter: &Filter) -> Result<Measured, Error> {
    let conv = request(picture, filter);
    let taps = filter.taps();
    let [tap_rows, tap_columns] = filter.dims();
    let kernel = View::nchw(&taps, [filter.kernels.len(), 1, tap_rows, tap_columns])?;

    let convolver = conv.with_kernel(kernel, None)?;
    let (values, _) = execute(&convolver, picture)?;
    let explanation = convolver.explain();

    let mut rows = Vec::new();
    let mut largest_difference = 0.0f32;
    for candidate in explanation.candidates {
        let mut seconds = None;
        if candidate.answer.as_ref().is_ok_and(|prediction| prediction.seconds < LONGEST_SECONDS) {
            let forced = conv.clone().strategy(candidate.strategy).with_kernel(kernel, None)?;
            let (others, fastest) = execute(&forced, picture)?;
            let differences = values.iter().zip(&others).map(|(a, b)| (a - b).abs());
            largest_difference = differences.fold(largest_difference, f32::max);
            seconds = Some(fastest.as_secs_f64());
        }
        rows.push(Row { candidate, seconds });
    }
    Ok(Measured { chosen: explanation.strategy, rows, largest_difference, values })
}

/// The colour channels are the items of a batch, since the same kernels serve each of them; several kernels are
/// several output channels, which read the picture together.
fn request(picture: &Picture, filter: &Filter) -> Conv {
    // Interleaved colours are a matter of strides; naming the layout lets the choice count on them.
    let layout = if picture.channels == 1 { Layout::Nchw } else { Layout::Nhwc };
    Conv::d2([picture.rows, picture.columns], filter.dims())
        .batch(picture.channels)
        .channels(1, filter.kernels.len())
        .padding(Padding::Same)
        .border(Border::Reflect101)
        .layout(layout)
}

/// The result, and the time of the fastest run.
fn execute(convolver: &Convolver<f32>, picture: &Picture) -> Result<(Vec<f32>, Duration), Error> {
    let [items, kernels, rows, columns] = convolver.output_shape();
    let len = picture.values.len();
    let strides = [1, len, columns * items, items].map(|stride| stride as isize);
    let input = View::strided(&picture.values, 0, [items, 1, rows, columns], strides)?;
    // Not zeros, whose pages the system would provide only during the first run.
    let mut values = vec![-1.0; kernels * len];
    let mut workspace = convolver.workspace()?;

    let begin = Instant::now();
    let mut fastest = Duration::MAX;
    while begin.elapsed() < TIME_PER_STRATEGY {
        let output = ViewMut::strided(&mut values, 0, convolver.output_shape(), strides)?;
        let start = Instant::now();
        convolver.execute(input, output, &mut workspace)?;
        fastest = fastest.min(start.elapsed());
    }
    Ok((values, fastest))
}
