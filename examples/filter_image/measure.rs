//! One filter on one picture, kernel by kernel: ask the dispatcher, then run every strategy, time it and compare the results.

use std::time::{Duration, Instant};

use convolve::{Border, Candidate, Conv, Convolver, Error, Kernel, Layout, Padding, View, ViewMut};

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
    let [first, others @ ..] = &filter.kernels[..] else { unreachable!("every filter has a kernel") };
    let mut measured = measure_kernel(picture, first)?;
    for kernel in others {
        measured.add(measure_kernel(picture, kernel)?);
    }
    Ok(measured)
}

impl Measured {
    /// Takes the results and times of another kernel in.
    fn add(&mut self, other: Measured) {
        for (row, other) in self.rows.iter_mut().zip(other.rows) {
            if let (Ok(prediction), Ok(other)) = (&mut row.candidate.answer, other.candidate.answer) {
                prediction.seconds += other.seconds;
            }
            row.seconds = row.seconds.zip(other.seconds).map(|(seconds, other)| seconds + other);
        }
        self.largest_difference = self.largest_difference.max(other.largest_difference);
        self.values.extend(other.values);
    }
}

fn measure_kernel(picture: &Picture, kernel: &Kernel<f32>) -> Result<Measured, Error> {
    let conv = request(picture, kernel);
    // The same taps for each colour.
    let [rows, columns] = kernel.dims();
    let strides = [0, 0, columns as isize, 1];
    let kernel = View::strided(kernel.taps(), 0, [picture.channels, 1, rows, columns], strides)?;

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

/// Each colour is a group of its own, filtered by itself.
fn request(picture: &Picture, kernel: &Kernel<f32>) -> Conv {
    let Picture { rows, columns, channels, .. } = *picture;
    let layout = if channels == 1 { Layout::Nchw } else { Layout::Nhwc };
    Conv::d2([rows, columns], kernel.dims())
        .channels(channels, channels)
        .groups(channels)
        .layout(layout)
        .padding(Padding::Same)
        .border(Border::Reflect101)
}

/// The result, and the time of the fastest run.
fn execute(convolver: &Convolver<f32>, picture: &Picture) -> Result<(Vec<f32>, Duration), Error> {
    let dims = [1, picture.rows, picture.columns, picture.channels];
    let input = View::nhwc(&picture.values, dims)?;
    // Not zeros, whose pages the system would provide only during the first run.
    let mut values = vec![-1.0; picture.values.len()];
    let mut workspace = convolver.workspace()?;

    let begin = Instant::now();
    let mut fastest = Duration::MAX;
    while begin.elapsed() < TIME_PER_STRATEGY {
        let output = ViewMut::nhwc(&mut values, dims)?;
        let start = Instant::now();
        convolver.execute(input, output, &mut workspace)?;
        fastest = fastest.min(start.elapsed());
    }
    Ok((values, fastest))
}
