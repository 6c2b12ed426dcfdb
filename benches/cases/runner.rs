//! Runs each case with the strategies asked for, and prints what they took.

use std::error::Error;
use std::io::Write;

use convolve::{Element, ElementType};

use crate::arguments::{Arguments, Selection};
use crate::list::Case;
use crate::measure::shortest;
use crate::pool::Pool;
use crate::prepared::{Measured, Prepared};
use crate::report::{Line, rounded};
use crate::request::Request;

pub(crate) struct Runner<'a, W> {
    arguments: &'a Arguments,
    pool: Option<Pool>,
    out: W,
    is_right: bool,
}

impl<'a, W: Write> Runner<'a, W> {
    pub(crate) fn new(arguments: &'a Arguments, out: W) -> Self {
        let pool = (arguments.threads > 1).then(|| Pool::new(arguments.threads));
        Runner { arguments, pool, out, is_right: true }
    }

    /// Whether every result checked so far was right.
    pub(crate) fn is_right(&self) -> bool {
        self.is_right
    }

    pub(crate) fn run(&mut self, case: &Case) -> Result<(), Box<dyn Error>> {
        match &case.request {
            Ok(request) if request.element == ElementType::F64 => {
                self.run_request::<f64>(&case.name, request.clone())
            }
            Ok(request) => self.run_request::<f32>(&case.name, request.clone()),
            Err(reason) => self.print_declined_by_all(&case.name, reason),
        }
    }

    fn run_request<T: Element>(&mut self, name: &str, mut request: Request) -> Result<(), Box<dyn Error>> {
        if let Some(isa) = &self.arguments.isa {
            request.conv = request.conv.instruction_set(isa.clone());
        }
        let plan = match request.conv.plan::<T>() {
            Err(error) if is_refusal(&error) => return self.print_declined_by_all(name, &error.to_string()),
            plan => plan?,
        };
        let prepared = Prepared::new(name, request, &plan, self.arguments)?;
        for strategy in self.strategies() {
            self.run_strategy(&prepared, strategy)?;
        }
        Ok(())
    }

    /// What to force; `None` leaves the choice to the request.
    fn strategies(&self) -> Vec<Option<&'static str>> {
        match self.arguments.selection {
            Selection::Auto => vec![None],
            Selection::Only(name) => vec![Some(name)],
            Selection::All => {
                [None].into_iter().chain(convolve::strategies().into_iter().map(Some)).collect()
            }
        }
    }

    fn run_strategy<T: Element>(
        &mut self,
        prepared: &Prepared<'_, T>,
        strategy: Option<&'static str>,
    ) -> Result<(), Box<dyn Error>> {
        let conv = prepared.request.conv.clone();
        let conv = if let Some(name) = strategy { conv.strategy(name) } else { conv };
        let (plan, plan_seconds) = match shortest(|| prepared.plan(&conv)) {
            Err(convolve::Error::Declined { reason, .. }) => {
                return self.print_declined(prepared.name, strategy, &reason.to_string());
            }
            timed => timed?,
        };
        let measured = prepared.measure(&plan, self.pool.as_ref(), self.arguments.min_seconds)?;
        self.is_right &= measured.is_right;
        let strategy = strategy.map_or_else(|| format!("auto:{}", plan.strategy()), str::to_string);
        let line = Line::default()
            .with("problem", prepared.name)
            .with("strategy", strategy)
            .with("isa", plan.instruction_set())
            .with("threads", self.arguments.threads);
        self.print(&self.with_numbers(line, prepared.multiply_adds, plan_seconds, &measured))
    }

    fn with_numbers(&self, line: Line, multiply_adds: f64, plan_seconds: f64, measured: &Measured) -> Line {
        let gflops = 2.0 * multiply_adds / measured.timing.least / 1e9;
        let share = |fma_gflops: f64| rounded(gflops / (fma_gflops * self.arguments.threads as f64), 3);
        let copies = |seconds: f64| rounded(measured.timing.least / seconds, 3);
        line.with("min_s", rounded(measured.timing.least, 5))
            .with("median_s", rounded(measured.timing.median, 5))
            .with("gflops", rounded(gflops, 4))
            .with_optional("fma_share", measured.fma_gflops.map(share))
            .with_optional("copies", measured.copy_seconds.map(copies))
            .with("plan_s", rounded(plan_seconds, 3))
            .with("pack_s", rounded(measured.pack_seconds, 3))
            .with_optional("max_rel_err", measured.max_relative_error.map(|error| rounded(error, 2)))
    }

    fn print_declined_by_all(&mut self, name: &str, reason: &str) -> Result<(), Box<dyn Error>> {
        self.strategies().into_iter().try_for_each(|strategy| self.print_declined(name, strategy, reason))
    }

    fn print_declined(
        &mut self,
        name: &str,
        strategy: Option<&'static str>,
        reason: &str,
    ) -> Result<(), Box<dyn Error>> {
        let line = Line::default().with("problem", name).with("strategy", strategy.unwrap_or("auto"));
        self.print(&line.with("declined", reason))
    }

    fn print(&mut self, line: &Line) -> Result<(), Box<dyn Error>> {
        writeln!(self.out, "{line}")?;
        Ok(self.out.flush()?)
    }
}

/// A refusal by a strategy or by the machine is a result; any other error is one of the problem.
fn is_refusal(error: &convolve::Error) -> bool {
    use convolve::Error::{Declined, InstructionSetUnavailable};
    matches!(error, Declined { .. } | InstructionSetUnavailable { .. })
}
