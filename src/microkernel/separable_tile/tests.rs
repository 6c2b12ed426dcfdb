use super::*;

const WIDTH: usize = 50;
const ROWS: usize = 5;
const BIAS: f32 = 0.25;

/// A tile of as many taps along both axes, beside whose rows the first value is repeated, and a constant stands, or the
/// other way round.
#[derive(Clone, Copy, Debug)]
struct Case {
    terms: Terms,
    taps: usize,
    is_centred: bool,
    step: usize,
    begins_constant: bool,
    is_row_by_row: bool,
    /// Whether the outer columns are alike, or a column and a row from either end.
    is_symmetric: bool,
}

/// Makes taps alike from either end.
fn mirror(taps: &mut [f32]) {
    for tap in 0..taps.len() / 2 {
        taps[taps.len() - 1 - tap] = taps[tap];
    }
}

impl Case {
    const CONSTANT: f32 = 3.0;

    /// Whole numbers, so that sums are exact.
    fn input(row: usize, column: usize) -> f32 {
        ((row * WIDTH + column) * 37 % 101) as f32
    }

    fn is_by_columns(self) -> bool {
        self.terms == Terms::Columns
    }

    /// Values from the first input of an output to the one that meets whole vectors.
    fn lead(self) -> usize {
        if self.is_centred { self.taps / 2 * self.step } else { 0 }
    }

    /// Columns and a row, of small numbers and halves.
    fn taps(self) -> (Vec<f32>, Vec<f32>) {
        let count = if self.is_by_columns() { self.taps } else { 1 };
        let mut columns: Vec<f32> = (0..count * self.taps).map(|i| (i * 5 % 7) as f32 / 2.0 - 1.0).collect();
        let mut row: Vec<f32> = (0..self.taps).map(|i| 2.5 - (i * 3 % 5) as f32 / 2.0).collect();
        if self.is_by_columns() {
            row.fill(1.0);
        }
        match (self.is_symmetric, self.is_by_columns()) {
            (true, true) => columns.copy_within(..self.taps, 2 * self.taps),
            (true, false) => [&mut columns, &mut row].into_iter().for_each(|taps| mirror(taps)),
            (false, _) => {}
        }
        (columns, row)
    }

    /// As the definition says.
    fn expected(self, row: usize, column: usize) -> f32 {
        let (columns, along) = self.taps();
        let product = |i: usize, j: usize| {
            let at = (column + j * self.step) as isize - self.lead() as isize;
            let repeated = at.clamp(0, WIDTH as isize - 1);
            let is_constant = at != repeated && self.begins_constant == (at < 0);
            let input = if is_constant { Self::CONSTANT } else { Self::input(row + i, repeated as usize) };
            input * columns[if self.is_by_columns() { self.taps * j + i } else { i }] * along[j]
        };
        let products = (0..self.taps * self.taps).map(|at| product(at / self.taps, at % self.taps));
        BIAS + products.sum::<f32>()
    }

    fn outputs(self, isa: InstructionSet, lanes: usize) -> Vec<f32> {
        let under = ROWS + self.taps - 1;
        let inputs: Vec<f32> = (0..WIDTH * under).map(|i| Self::input(i / WIDTH, i % WIDTH)).collect();
        let rows: Vec<*const f32> =
            (0..under + AHEAD).map(|r| inputs.as_ptr().wrapping_add(r * WIDTH)).collect();
        let (columns, row) = self.taps();
        let mut outputs = vec![f32::NAN; WIDTH * ROWS];
        let constant = Outside { constant: Some(Self::CONSTANT), source: 0, places: [0; MOST_LANES] };
        let first = Outside { constant: None, source: 0, places: [0; MOST_LANES] };
        let last = (WIDTH - lanes) as isize;
        let last = Outside { constant: None, source: last, places: [lanes as u32 - 1; MOST_LANES] };
        let tile = SeparableTile {
            inputs: rows.as_ptr(),
            first: 0,
            length: WIDTH,
            is_centred: self.is_centred,
            left: if self.begins_constant { constant } else { first },
            right: if self.begins_constant { last } else { constant },
            terms: self.terms,
            columns: &columns,
            row: &row,
            step: self.step,
            to: outputs.as_mut_ptr(),
            to_step: WIDTH as isize,
            rows: ROWS,
            width: WIDTH,
            is_row_by_row: self.is_row_by_row,
            is_folded: self.is_symmetric && !self.is_by_columns(),
            bias: BIAS,
            finish: &Finish::plain(),
            // SAFETY: rows of so many values, a vector or more; pointers behind them are only asked for.
            _vouched: unsafe { Vouched::new() },
        };
        tile.run(isa);
        outputs
    }
}

/// Any kind there is a tile for; returns how many.
fn check(terms: Terms, taps: usize) -> usize {
    let isa = InstructionSet::best().unwrap();
    let lanes = isa.lanes(crate::ElementType::F32);
    let cases = (0..16 * 4).map(|kind| {
        let bit = |at: usize| (kind / 4) & (1 << at) != 0;
        let (is_centred, begins_constant, is_row_by_row, is_symmetric) = (bit(0), bit(1), bit(2), bit(3));
        Case { terms, taps, is_centred, step: 1 + kind % 4, begins_constant, is_row_by_row, is_symmetric }
    });
    let served = cases
        .filter(|case| serves([lanes, size_of::<f32>()], ROWS, terms, [taps; 2], [case.lead(), case.step]));
    let checked = served.map(|case| {
        let expected: Vec<f32> = (0..WIDTH * ROWS).map(|i| case.expected(i / WIDTH, i % WIDTH)).collect();
        assert_eq!(case.outputs(isa, lanes), expected, "{case:?}");
    });
    checked.count()
}

#[test]
fn any_taps_are_summed_as_defined() {
    let has_tile = InstructionSet::best().unwrap().name() == "avx512";
    for taps in [3, 5, 7, 9] {
        assert_eq!(check(Terms::Product, taps) > 16, has_tile);
    }
    assert_eq!(check(Terms::Columns, 3) > 16, has_tile);
}

#[test]
fn short_rows_go_one_after_the_other_where_the_cache_holds_them() {
    assert!(goes_row_by_row(7680, 48 << 10));
    assert!(!goes_row_by_row(7680, 32 << 10));
    assert!(!goes_row_by_row(9 << 10, 48 << 10));
}
