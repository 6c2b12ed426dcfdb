//! Why a plan does what it does.

use core::fmt;

use crate::choose;
use crate::element::Element;
use crate::error::Declined;
use crate::low_rank::KernelFacts;
use crate::problem::Problem;

/// The problem, the strategy chosen, and what every strategy answered. Prints as a small table.
///
/// ```
/// use convolve::Conv;
/// let plan = Conv::d2([480, 640], [3, 3]).plan::<f32>()?;
/// let explanation = plan.explain();
/// assert_eq!(explanation.problem, "correlate f32 in=480x640 kernel=3x3");
/// assert_eq!(explanation.strategy, plan.strategy());
/// assert!(explanation.candidates.iter().any(|candidate| candidate.strategy == "fft"));
/// println!("{explanation}");
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The problem string; parses back to the request.
    pub problem: String,
    /// Batch, channel, row, column.
    pub input: [usize; 4],
    /// Output channel, input channel of the group, row, column.
    pub kernel: [usize; 4],
    /// Batch, channel, row, column.
    pub output: [usize; 4],
    /// The strategy chosen.
    pub strategy: &'static str,
    /// Whether the request forced it.
    pub is_forced: bool,
    /// The instruction set in use.
    pub instruction_set: &'static str,
    /// Bytes of workspace for one thread.
    pub workspace: usize,
    /// Bytes of the packed kernel.
    pub packed: usize,
    /// Every strategy with its answer, in the order in which ties are decided.
    pub candidates: Vec<Candidate>,
    /// What the kernel is a sum of, if its values were known when planning and it is such a sum of few. A small kernel
    /// that is taken as the sum of its columns is not meant.
    pub separable_terms: Option<SeparableTerms>,
    /// What a user of the chosen strategy should know, if anything.
    pub caution: Option<&'static str>,
}

/// One strategy and what it answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// Its name.
    pub strategy: &'static str,
    /// Predicted seconds on one thread and bytes of workspace, or why it declines.
    pub answer: Result<Prediction, Declined>,
}

/// What a strategy is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prediction {
    /// Seconds on one thread.
    pub seconds: f64,
    /// Bytes of workspace.
    pub workspace: usize,
}

/// A kernel as a sum of separable ones, each the product of a column and a row; of several planes the worst. Norms are
/// those of Frobenius.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SeparableTerms {
    /// How many there are.
    pub count: usize,
    /// What their sum misses of the kernel, relative to it, by norms: at the level of round-off.
    pub truncation: f64,
    /// What it misses of a tap at most, relative to that tap; infinite if it is not zero where a tap is.
    pub by_tap: f64,
    /// How much their absolute values weigh, relative to the kernel, by norms: 1 for a single term.
    pub weight: f64,
}

impl Explanation {
    pub(crate) fn new<T: Element>(
        problem: &Problem,
        kernel: &KernelFacts,
        strategy: &'static str,
        bytes: [usize; 2],
    ) -> Self {
        let candidates = choose::answers::<T>(problem, kernel).into_iter().map(|(strategy, answer)| {
            let answer = answer.map(|cost| Prediction { seconds: cost.seconds, workspace: cost.workspace });
            Candidate { strategy, answer }
        });
        Explanation {
            problem: problem.conv.clone().element_type(T::TYPE).to_string(),
            input: problem.input_shape(),
            kernel: problem.kernel_shape(),
            output: problem.output_shape(),
            strategy,
            is_forced: problem.conv.strategy != crate::conv::Choice::Auto,
            instruction_set: problem.isa.name(),
            workspace: bytes[0],
            packed: bytes[1],
            candidates: candidates.collect(),
            separable_terms: match kernel {
                KernelFacts::LowRank(found) => Some(SeparableTerms {
                    count: found.terms,
                    truncation: found.truncation,
                    by_tap: found.by_tap,
                    weight: found.weight,
                }),
                _ => None,
            },
            caution: caution(strategy, kernel),
        }
    }
}

/// What comes with strategies that transform their inputs, and with terms that cancel.
fn caution(strategy: &str, kernel: &KernelFacts) -> Option<&'static str> {
    match strategy {
        "separable" if matches!(kernel, KernelFacts::LowRank(found) if found.terms > 1) => Some(
            "the terms of the kernel cancel in part, so that errors are bounded by norms; accuracy=componentwise keeps \
             such kernels out",
        ),
        "fft" => Some(
            "a NaN or infinity spreads over its whole FFT block, and errors are bounded by norms; \
             accuracy=componentwise keeps fft out",
        ),
        "winograd" => Some(
            "a NaN or infinity spreads over its tile, and errors are bounded by what the tile holds; \
             accuracy=componentwise keeps winograd out",
        ),
        _ => None,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { input, kernel, output, .. } = self;
        writeln!(f, "problem    {}", self.problem)?;
        writeln!(f, "shapes     input {input:?}, kernel {kernel:?}, output {output:?}")?;
        let how = if self.is_forced { "forced" } else { "lowest predicted time" };
        writeln!(f, "strategy   {} ({how}), on {}", self.strategy, self.instruction_set)?;
        writeln!(f, "memory     {} bytes of workspace, {} of packed kernel", self.workspace, self.packed)?;
        for candidate in &self.candidates {
            let mark = if candidate.strategy == self.strategy { '*' } else { ' ' };
            write!(f, "  {mark} {:<10}", candidate.strategy)?;
            match &candidate.answer {
                Ok(Prediction { seconds, workspace }) => {
                    writeln!(f, "{}, {workspace} bytes of workspace", Seconds(*seconds))?;
                }
                Err(reason) => writeln!(f, "declines: {reason}")?,
            }
        }
        if let Some(SeparableTerms { count, truncation, .. }) = self.separable_terms {
            writeln!(f, "kernel     {count} separable terms, which miss {truncation:.1e} of it")?;
        }
        match self.caution {
            Some(caution) => writeln!(f, "caution    {caution}"),
            None => Ok(()),
        }
    }
}

/// Prints a time with a unit that suits it.
struct Seconds(f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s < 1e-6 => write!(f, "{:.0} ns", s * 1e9),
            s if s < 1e-3 => write!(f, "{:.1} us", s * 1e6),
            s if s < 1.0 => write!(f, "{:.2} ms", s * 1e3),
            s => write!(f, "{s:.2} s"),
        }
    }
}
