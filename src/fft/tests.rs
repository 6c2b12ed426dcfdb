//! Pairs of tiles against rustfft: every length, both uses of the lanes, both types, every instruction set.

use num_complex::Complex;
use rustfft::FftPlanner;

use super::Levels;
use crate::element::Element;
use crate::isa::InstructionSet;
use crate::microkernel::Vouched;
use crate::microkernel::fft::line_tile::LineTile;
use crate::microkernel::fft::plane_tile::PlaneTile;
use crate::microkernel::fft::spectrum_tile::{DealElements, SpectrumTile, tile};
use crate::microkernel::fft::{Band, MOST_PLANES, Offsets, Pair, Stage};

/// Whole numbers from -8 to 8, halved, beginning anywhere.
fn numbers<T: Element>(count: usize, seed: usize) -> Vec<T> {
    let number = |i: usize| ((i.wrapping_mul(2654435761) >> 7) % 17) as f64 / 2.0 - 4.0;
    (0..count).map(|i| T::from_f64(number(i + 1000 * seed))).collect()
}

/// `y[i] = sum over k of x[i + k] h[k]`, indices modulo rows and columns, by rustfft in f64.
fn correlation<T: Element>(x: &[T], h: &[T], columns: usize) -> Vec<f64> {
    let transform = |values: &[T]| {
        let mut spectrum: Vec<Complex<f64>> = values.iter().map(|v| Complex::new(v.to_f64(), 0.0)).collect();
        both_axes(&mut spectrum, columns, false);
        spectrum
    };
    let mut product: Vec<_> = transform(x).iter().zip(transform(h)).map(|(x, h)| x * h.conj()).collect();
    both_axes(&mut product, columns, true);
    product.iter().map(|value| value.re / x.len() as f64).collect()
}

fn both_axes(values: &mut [Complex<f64>], columns: usize, back: bool) {
    let mut planner = FftPlanner::new();
    let mut plan =
        |len: usize| if back { planner.plan_fft_inverse(len) } else { planner.plan_fft_forward(len) };
    let rows = values.len() / columns;
    plan(columns).process(values);
    let along = plan(rows);
    for c in 0..columns {
        let mut column: Vec<_> = (0..rows).map(|r| values[r * columns + c]).collect();
        along.process(&mut column);
        column.into_iter().enumerate().for_each(|(r, value)| values[r * columns + c] = value);
    }
}

/// One way of transforming pairs of tiles of a size.
struct Way<T> {
    isa: InstructionSet,
    rows: usize,
    columns: usize,
    along: std::sync::Arc<Levels<T>>,
    across: std::sync::Arc<Levels<T>>,
    /// Numbers that the first-level cache is said to hold; 0 for planes.
    in_cache: Option<usize>,
    along_rows: bool,
}

impl<T: Element> Way<T> {
    fn line(isa: InstructionSet, len: usize, in_cache: usize) -> Self {
        let lanes = isa.lanes(T::TYPE);
        let (along, across) = (Levels::of_consecutive(isa, len), Levels::of_independent(isa, lanes));
        Way { isa, rows: 1, columns: len, along, across, in_cache: Some(in_cache), along_rows: false }
    }

    fn plane(isa: InstructionSet, rows: usize, columns: usize, along_rows: bool) -> Self {
        let (along, across) = (Levels::of_independent(isa, rows), Levels::of_independent(isa, columns));
        Way { isa, rows, columns, along, across, in_cache: None, along_rows }
    }

    fn run(&self, stage: Stage, x: &[T], y: &mut [T], work: &mut [T], kernel: &[T]) {
        let area = self.rows * self.columns;
        let (lanes, step) = (self.isa.lanes(T::TYPE), self.columns as isize);
        assert!(
            x.len() == 2 * area && y.len() == 2 * area && work.len() == 2 * area && kernel.len() == 2 * area
        );
        let rows = [x, &x[area..]].map(|x| (0..self.rows).map(|r| x[r * self.columns..].as_ptr()).collect());
        let rows: [Vec<*const T>; 2] = rows;
        let to = y.as_mut_ptr();
        let target = Pair { re: to, im: to.wrapping_add(area), row_step: step };
        let [before, after] = [[0.0, 0.0], [3.0, -2.0]].map(|values| values.map(T::from_f64));
        let (work, kernel) = (work.as_mut_ptr(), kernel.as_ptr());
        // SAFETY: the lengths have just been checked.
        let _vouched = unsafe { Vouched::new() };
        let (levels, across) = (self.along.passes(), self.across.passes());
        if let Some(in_cache) = self.in_cache {
            let (len, depth) = (area, self.along.depth(area, lanes, in_cache));
            let kept = 2 * len;
            let tile = LineTile {
                stage,
                source: rows[0][0],
                target: target.re,
                before: before[0],
                after: after[0],
                work,
                kernel,
                len,
                kept,
                levels,
                across,
                depth,
                _vouched,
            };
            return T::dispatch(self.isa, tile);
        }
        let [before, after] =
            [before, after].map(|values| Offsets::new(values.map(|value| [value; MOST_PLANES]), 1));
        let mut column = vec![T::default(); 2 * self.rows * lanes];
        let rows = [rows[0].as_ptr(), rows[1].as_ptr()];
        let bands = [lanes, self.columns, self.columns].map(|end| Band { rows, end });
        let tile = PlaneTile {
            stage,
            source: &bands,
            target,
            before,
            after,
            work,
            kernel,
            _vouched,
            column: column.as_mut_ptr(),
            rows: self.rows,
            columns: self.columns,
            planes: 1,
            kept: [[self.rows, self.columns]; 2],
            next: 0,
            along_columns: levels,
            along_rows: self.along_rows.then_some(across),
        };
        T::dispatch(self.isa, tile);
    }

    /// Convolves two tiles, at once and by its parts, and compares them with rustfft.
    fn check(&self) {
        let area = self.rows * self.columns;
        let x = numbers::<T>(2 * area, 1);
        let mut h = numbers::<T>(if self.is_line() { 2 * area } else { area }, 2);
        if self.is_of_columns() {
            h = (0..area).map(|i| h[i / self.columns]).collect();
        }
        let kernel = self.kernel(&h);
        let [mut at_once, mut by_parts, mut work] = [(); 3].map(|()| vec![T::default(); 2 * area]);
        self.run(Stage::Convolve, &x, &mut at_once, &mut work, &kernel);
        self.compare(&x, &h, &at_once);
        self.run(Stage::Forward, &x, &mut by_parts, &mut work, &kernel);
        let lanes = self.isa.lanes(T::TYPE);
        for (x, h) in work.chunks_exact_mut(2 * lanes).zip(kernel.chunks_exact(2 * lanes)) {
            for lane in 0..lanes {
                let (x_re, x_im, h_re, h_im) = (x[lane], x[lanes + lane], h[lane], h[lanes + lane]);
                x[lane] = x_re * h_re - x_im * h_im;
                x[lanes + lane] = x_re * h_im + x_im * h_re;
            }
        }
        self.run(Stage::Back, &x, &mut by_parts, &mut work, &kernel);
        self.compare(&x, &h, &by_parts);
    }

    /// The conjugated and scaled spectrum of `h`.
    fn kernel(&self, h: &[T]) -> Vec<T> {
        let len = 2 * self.rows * self.columns;
        let [mut y, mut kernel] = [(); 2].map(|()| vec![T::default(); len]);
        let both = [h, &vec![T::default(); len - h.len()]].concat();
        self.run(Stage::Forward, &both, &mut y, &mut kernel, &both);
        let scale = T::from_f64(1.0 / self.numbers() as f64);
        for (i, value) in kernel.iter_mut().enumerate() {
            let is_real = (i / self.isa.lanes(T::TYPE)).is_multiple_of(2);
            *value = if is_real { *value * scale } else { -*value * scale };
        }
        kernel
    }

    /// Both parts of `y` with what rustfft makes of those of `x`.
    fn compare(&self, x: &[T], h: &[T], y: &[T]) {
        for (part, (constant, (x, y))) in
            [3.0, -2.0].into_iter().zip(x.chunks_exact(h.len()).zip(y.chunks_exact(h.len()))).enumerate()
        {
            let expected = match () {
                () if self.is_line() => negated_where_it_wraps(x, h),
                () if self.is_of_columns() => columns_alone(x, h, self.columns),
                () => correlation(x, h, self.columns),
            };
            for (i, (got, expected)) in y.iter().zip(&expected).enumerate() {
                let distance = (got.to_f64() - expected - constant).abs();
                let place = || format!("{} {}x{} {part} {i}", self.isa, self.rows, self.columns);
                assert!(distance <= self.bound(), "{}: {distance}", place());
            }
        }
    }

    fn is_line(&self) -> bool {
        self.in_cache.is_some()
    }

    /// Whether columns are transformed by themselves.
    fn is_of_columns(&self) -> bool {
        self.in_cache.is_none() && !self.along_rows
    }

    /// Numbers in a transform.
    fn numbers(&self) -> usize {
        if self.is_of_columns() { self.rows } else { self.rows * self.columns }
    }

    /// The fitted bound of `docs/accuracy.md`, for both parts, and as much again for the oracle's own error in `f64`.
    fn bound(&self) -> f64 {
        let size = self.numbers();
        let u = if T::TYPE == crate::ElementType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON } / 2.0;
        let norms = 2f64.sqrt() * size as f64 * 4.0 * 4.0;
        2.0 * ((size as f64).log2() + 2.0) * u * norms
    }
}

/// The correlation in which what wraps around changes its sign.
fn negated_where_it_wraps<T: Element>(x: &[T], h: &[T]) -> Vec<f64> {
    let negated: Vec<T> = x.iter().map(|&value| -value).collect();
    let len = 2 * x.len();
    let mut y = correlation(&[x, &negated].concat(), &[h, &vec![T::default(); h.len()]].concat(), len);
    y.truncate(x.len());
    y
}

/// The correlation of each column by itself.
fn columns_alone<T: Element>(x: &[T], h: &[T], columns: usize) -> Vec<f64> {
    let column = |values: &[T], c: usize| values.iter().skip(c).step_by(columns).copied().collect::<Vec<T>>();
    let mut y = vec![0.0; x.len()];
    for c in 0..columns {
        let results = correlation(&column(x, c), &column(h, c), 1);
        results.iter().enumerate().for_each(|(r, &value)| y[r * columns + c] = value);
    }
    y
}

fn lines<T: Element>() {
    for &isa in InstructionSet::available().unwrap() {
        let lanes = isa.lanes(T::TYPE);
        for log in 6..=16 {
            if 1 << log >= lanes * lanes {
                Way::<T>::line(isa, 1 << log, 4096).check();
            }
        }
        // As on a machine whose cache is smaller: three and more levels depth-first.
        Way::<T>::line(isa, 1 << 14, 512).check();
    }
}

fn planes<T: Element>() {
    for &isa in InstructionSet::available().unwrap() {
        let lanes = isa.lanes(T::TYPE);
        for rows in [16, 32, 64, 128, 256, 512] {
            Way::<T>::plane(isa, rows, lanes, false).check();
            for columns in [16, 32, 64, 128, 256] {
                Way::<T>::plane(isa, rows, columns, true).check();
            }
        }
    }
}

#[test]
fn lines_of_f32_agree_with_rustfft() {
    lines::<f32>();
}

#[test]
fn lines_of_f64_agree_with_rustfft() {
    lines::<f64>();
}

#[test]
fn planes_of_f32_agree_with_rustfft() {
    planes::<f32>();
}

#[test]
fn planes_of_f64_agree_with_rustfft() {
    planes::<f64>();
}

/// Products of spectra by their definition; whole numbers, so that they are exact.
fn products<T: Element>(isa: InstructionSet, [pairs, inputs, outputs]: [usize; 3]) {
    let (lanes, t, elements) = (isa.lanes(T::TYPE), tile(isa.registers()), 3);
    let unit = 2 * lanes;
    let blocks = outputs.div_ceil(t);
    let x = numbers::<T>(elements * pairs * inputs * unit, 5);
    let h = numbers::<T>(elements * blocks * t * inputs * unit, 6);
    let mut dealt = vec![T::default(); x.len()];
    let x_at = |pair: usize, input: usize| (pair * inputs + input) * elements * unit;
    for pair in 0..pairs {
        for input in 0..inputs {
            let block = pair / t * t;
            let first = block * inputs + input * t.min(pairs - block) + pair % t;
            let deal = DealElements {
                from: x[x_at(pair, input)..].as_ptr(),
                to: dealt[first * unit..].as_mut_ptr(),
                step: pairs * inputs,
                elements,
                factors: [T::from_f64(1.0); 2],
                // SAFETY: `dealt` has room for the elements of every pair and input.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(isa, deal);
        }
    }
    let mut sums = vec![T::default(); pairs * outputs * (elements + 1) * unit];
    let product = SpectrumTile {
        spectra: dealt.as_ptr(),
        kernel: h.as_ptr(),
        sums: sums.as_mut_ptr(),
        elements,
        pairs,
        inputs,
        outputs,
        pitch: elements + 1,
        // SAFETY: the three have been made of these sizes.
        _vouched: unsafe { Vouched::new() },
    };
    T::dispatch(isa, product);
    for (pair, output, e, lane) in (0..pairs)
        .flat_map(|p| (0..outputs).map(move |o| (p, o)))
        .flat_map(|(p, o)| (0..elements * lanes).map(move |i| (p, o, i / lanes, i % lanes)))
    {
        let mut expected = Complex::new(0.0, 0.0);
        for input in 0..inputs {
            let h_at = ((e * blocks + output / t) * inputs + input) * t + output % t;
            let number = |values: &[T], at: usize| {
                Complex::new(values[at * unit + lane].to_f64(), values[at * unit + lanes + lane].to_f64())
            };
            expected += number(&x[x_at(pair, input)..], e) * number(&h, h_at);
        }
        let at = ((pair * outputs + output) * (elements + 1) + e) * unit + lane;
        assert_eq!([sums[at].to_f64(), sums[at + lanes].to_f64()], [expected.re, expected.im], "{isa}");
    }
}

#[test]
fn products_of_spectra_follow_the_definition() {
    for &isa in InstructionSet::available().unwrap() {
        for pairs in 1..8 {
            for outputs in 1..8 {
                products::<f32>(isa, [pairs, 3, outputs]);
                products::<f64>(isa, [pairs, 2, outputs]);
            }
        }
    }
}
