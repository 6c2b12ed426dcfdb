//! The values of a problem: uniform in [-1, 1), always the same for the same name.

use convolve::{Element, ElementType, Error};

use crate::request::{Request, Taps};

/// Input, kernel and what the output holds at first.
pub(crate) struct Operands<T> {
    pub(crate) input: Vec<T>,
    pub(crate) kernel: Vec<T>,
    pub(crate) old: Vec<T>,
}

/// Shapes of a problem as its plan states them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shapes {
    pub(crate) input: [usize; 4],
    pub(crate) kernel: [usize; 4],
    pub(crate) output: [usize; 4],
}

impl<T: Element> Operands<T> {
    /// The output begins as NaN, so that a value left unwritten is seen; unless it is read.
    pub(crate) fn new(name: &str, request: &Request, shapes: &Shapes) -> Result<Self, Error> {
        let mut random = Random::new(name);
        let input = random.uniforms(shapes.input)?;
        let kernel = match request.taps {
            Taps::Dense => random.uniforms(shapes.kernel)?,
            Taps::Shared => {
                let [outputs, inputs, rows, columns] = shapes.kernel;
                random.uniforms([1, 1, rows, columns])?.repeat(outputs * inputs)
            }
            Taps::Separable => separable_kernel(&mut random, shapes.kernel, |_| {})?,
            Taps::Symmetric => separable_kernel(&mut random, shapes.kernel, mirror)?,
            Taps::Level => collect((0..count(shapes.kernel)).map(|_| T::from_f64(0.1)))?,
        };
        let old = if request.accumulates() {
            random.uniforms(shapes.output)?
        } else {
            collect((0..count(shapes.output)).map(|_| T::from_f64(f64::NAN)))?
        };
        Ok(Operands { input, kernel, old })
    }
}

/// The outer product of a column and a row, both of which are changed first, the same for every channel.
fn separable_kernel<T: Element>(
    random: &mut Random,
    shape: [usize; 4],
    change: impl Fn(&mut [T]),
) -> Result<Vec<T>, Error> {
    let [outputs, inputs, rows, columns] = shape;
    let mut column: Vec<T> = random.uniforms([1, 1, rows, 1])?;
    let mut row: Vec<T> = random.uniforms([1, 1, 1, columns])?;
    change(&mut column);
    change(&mut row);
    let plane = (0..rows * columns).map(|index| column[index / columns] * row[index % columns]);
    Ok(collect(plane)?.repeat(outputs * inputs))
}

/// Makes taps alike from either end.
fn mirror<T: Copy>(taps: &mut [T]) {
    for tap in 0..taps.len() / 2 {
        taps[taps.len() - 1 - tap] = taps[tap];
    }
}

fn count(shape: [usize; 4]) -> usize {
    shape.iter().product()
}

/// All values, or an error where there is no memory for them.
pub(crate) fn collect<T: Element>(values: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut collected = Vec::new();
    let bytes = values.len().saturating_mul(T::TYPE.size());
    collected.try_reserve_exact(values.len()).map_err(|_| Error::OutOfMemory { bytes })?;
    collected.extend(values);
    Ok(collected)
}

/// SplitMix64 (Steele, Lea and Flood 2014), seeded by the FNV-1a hash of a name.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(name: &str) -> Self {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Random(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [-1, 1), with as many digits as the type holds: rounding must not reach 1.
    fn uniform<T: Element>(&mut self) -> T {
        let digits = if T::TYPE == ElementType::F32 { 24 } else { 53 };
        let fraction = (self.next() >> (64 - digits)) as f64 / (1u64 << digits) as f64;
        T::from_f64(2.0 * fraction - 1.0)
    }

    /// One value for each element of an array.
    fn uniforms<T: Element>(&mut self, shape: [usize; 4]) -> Result<Vec<T>, Error> {
        collect((0..count(shape)).map(|_| self.uniform()))
    }

    /// Below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
