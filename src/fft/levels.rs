//! How transforms of powers of two are cut into levels, and their twiddle factors, shared among plans.

use std::any::Any;
use std::sync::{Arc, Mutex, Weak};

use crate::element::Element;
use crate::element_type::ElementType;
use crate::isa::InstructionSet;
use crate::microkernel::fft::{Level, Passes};

/// What the levels of a transform depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    element: ElementType,
    /// Numbers to transform.
    len: usize,
    /// Consecutive numbers in a vector; none where the lanes are independent transforms.
    consecutive: Option<usize>,
    /// Whether there are registers for butterflies of eight.
    eights: bool,
}

/// The levels of a transform with their twiddle factors.
///
/// Of a transform of independent lanes all levels. Where lanes are consecutive samples, the levels over vectors of
/// them: they leave transforms of `lanes` numbers over. The latter are *turned*: their frequencies are a quarter short
/// of whole numbers, so that what wraps around comes with a factor of i, for the sake of
/// [`LineTile`](crate::microkernel::fft::line_tile::LineTile). All of that is in the factors of the first level.
#[derive(Debug)]
pub(crate) struct Levels<T> {
    levels: Vec<Level>,
    twiddles: Vec<T>,
    turns: Vec<T>,
    last: usize,
}

/// Quarters between a whole number and a frequency of turned transforms.
const QUARTERS: usize = 3;

/// Tables in use, to be shared by the plans that are made while they are.
static TABLES: Mutex<Vec<(Shape, Weak<dyn Any + Send + Sync>)>> = Mutex::new(Vec::new());

impl<T: Element> Levels<T> {
    /// For transforms of `len` numbers, whose lanes are independent.
    pub(crate) fn of_independent(isa: InstructionSet, len: usize) -> Arc<Self> {
        Self::shared(isa, len, None)
    }

    /// For transforms of `len` numbers, whose lanes are consecutive; at least `LANES` vectors.
    pub(crate) fn of_consecutive(isa: InstructionSet, len: usize) -> Arc<Self> {
        Self::shared(isa, len, Some(isa.lanes(T::TYPE)))
    }

    fn shared(isa: InstructionSet, len: usize, consecutive: Option<usize>) -> Arc<Self> {
        let shape = Shape { element: T::TYPE, len, consecutive, eights: isa.registers() >= 32 };
        // Tables are complete when they are entered, so a thread that panicked has broken nothing.
        let mut tables = TABLES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        tables.retain(|(_, table)| table.strong_count() > 0);
        let known = tables.iter().find(|(known, _)| *known == shape).and_then(|(_, table)| table.upgrade());
        if let Some(table) = known.and_then(|table| table.downcast::<Self>().ok()) {
            return table;
        }
        let table = Arc::new(Self::new(shape));
        let any: Arc<dyn Any + Send + Sync> = table.clone();
        tables.push((shape, Arc::downgrade(&any)));
        table
    }

    fn new(Shape { len, consecutive, eights, .. }: Shape) -> Self {
        let lanes = consecutive.unwrap_or(1);
        let mut radices = radices((len / lanes).ilog2(), eights);
        let last = if consecutive.is_some() { 1 } else { radices.pop().unwrap_or(1) };
        let (mut levels, mut twiddles, mut turns, mut block) = (Vec::new(), Vec::new(), Vec::new(), len);
        for (level, radix) in radices.into_iter().enumerate() {
            let span = block / radix;
            levels.push(Level { radix, span: span / lanes, twiddles: twiddles.len() });
            let is_turned = level == 0 && consecutive.is_some();
            if is_turned {
                let roots = (1..radix).map(|m| root(QUARTERS * m, 4 * radix));
                turns.extend(roots.flat_map(|(re, im)| [re, im]).map(T::from_f64));
            }
            let (quarters, first_factor) = if is_turned { (QUARTERS, 0) } else { (0, 1) };
            for first in (0..span).step_by(lanes) {
                for k in first_factor..radix {
                    let roots = (first..first + lanes).map(|j| root(j * (4 * k + quarters), 4 * block));
                    let (re, im): (Vec<f64>, Vec<f64>) = roots.unzip();
                    twiddles.extend(re.into_iter().chain(im).map(T::from_f64));
                }
            }
            block = span;
        }
        Levels { levels, twiddles, turns, last }
    }

    /// For the loops.
    pub(crate) fn passes(&self) -> Passes<'_, T> {
        Passes { levels: &self.levels, twiddles: &self.twiddles, turns: &self.turns, last: self.last }
    }

    /// How many levels to do depth-first, so that the blocks below them have at most `block` numbers, or as few as
    /// whole squares of `lanes` vectors allow.
    pub(crate) fn depth(&self, len: usize, lanes: usize, block: usize) -> usize {
        if len <= block {
            return 0;
        }
        let is_whole = |level: &Level| level.span.is_multiple_of(lanes);
        let enough = self.levels.iter().position(|level| level.span * lanes <= block && is_whole(level));
        let most = self.levels.iter().rposition(is_whole);
        enough.or(most).map_or(0, |level| level + 1)
    }
}

/// Radices for a transform of 2^log numbers: eights where there are registers for them, else fours.
fn radices(log: u32, eights: bool) -> Vec<usize> {
    let log = log as usize;
    match (log, eights) {
        (0, _) => vec![],
        (1, _) => vec![2],
        (2, _) => vec![4],
        (_, true) => {
            let fours = [0, 2, 1][log % 3];
            [vec![4; fours], vec![8; (log - 2 * fours) / 3]].concat()
        }
        (_, false) if log % 2 == 1 => [vec![4; (log - 3) / 2], vec![8]].concat(),
        (_, false) => vec![4; log / 2],
    }
}

/// `exp(-2 pi i part / whole)`, each part to the last place of `f64`: computed within the first eighth of a turn.
fn root(part: usize, whole: usize) -> (f64, f64) {
    let part = part % whole;
    let angle = |part: usize| core::f64::consts::TAU * part as f64 / whole as f64;
    if 2 * part > whole {
        let (re, im) = root(whole - part, whole);
        return (re, -im);
    }
    if 4 * part > whole {
        let (re, im) = root(whole / 2 - part, whole);
        return (-re, im);
    }
    if 8 * part > whole {
        // Whole is a multiple of four here, as there is a part between an eighth and a quarter.
        let (re, im) = root(whole / 4 - part, whole);
        return (-im, -re);
    }
    (angle(part).cos(), -angle(part).sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radices_multiply_to_the_length() {
        for log in 0..24 {
            for eights in [false, true] {
                let radices = radices(log, eights);
                assert_eq!(radices.iter().product::<usize>(), 1 << log, "{log} {radices:?}");
                assert!(radices.iter().all(|radix| [2, 4, 8].contains(radix)), "{log} {radices:?}");
            }
        }
    }

    #[test]
    fn roots_are_symmetric_and_right() {
        for whole in [2, 4, 8, 16, 64, 1024] {
            for part in 0..2 * whole {
                let (re, im) = root(part, whole);
                let angle = core::f64::consts::TAU * (part % whole) as f64 / whole as f64;
                assert!((re - angle.cos()).abs() < 1e-15 && (im + angle.sin()).abs() < 1e-15);
                let (other_re, other_im) = root(2 * whole - part, whole);
                assert_eq!((re, im), (other_re, -other_im), "{part} of {whole}");
            }
        }
        assert_eq!(root(1, 4), (0.0, -1.0));
        assert_eq!(root(1, 2).0, -1.0);
    }

    #[test]
    fn tables_are_shared_while_they_are_in_use() {
        let isa = InstructionSet::best().unwrap();
        let first = Levels::<f32>::of_independent(isa, 1 << 9);
        assert!(Arc::ptr_eq(&first, &Levels::of_independent(isa, 1 << 9)));
        assert!(!Arc::ptr_eq(&first, &Levels::of_independent(isa, 1 << 10)));
        assert_ne!(Levels::<f64>::of_independent(isa, 1 << 9).passes().twiddles.len(), 0);
    }
}
