//! ndarray-conv: planes and signals, by sums and by FFT. It takes the kernel on every call, and allocates the output.

use ::ndarray::{Array, Array1, Array2, ArrayD, Dimension};
use ndarray_conv::{ConvExt, ConvFFTExt, ConvMode, PaddingMode, get_fft_processor};

use super::{Contestant, Outcome, require_few_products};
use crate::layer::{Layer, Operands};

type Work = Box<dyn FnMut() -> Outcome<ArrayD<f32>>>;

struct NdarrayConv {
    work: Work,
    output: ArrayD<f32>,
}

/// Input, kernel (which it reads backwards) and where the input is padded.
struct Prepared<A, const N: usize> {
    x: A,
    h: A,
    mode: ConvMode<N>,
    border: PaddingMode<N, f32>,
}

pub fn prepare_sums(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    require_few_products(layer)?;
    let work: Work = if layer.conv.dimensions() == 1 {
        let Prepared { x, h, mode, border } = signal(layer, operands)?;
        Box::new(move || dynamic(x.conv(&h, mode, border)))
    } else {
        let Prepared { x, h, mode, border } = plane(layer, operands)?;
        Box::new(move || dynamic(x.conv(&h, mode, border)))
    };
    Ok(Box::new(NdarrayConv { work, output: ArrayD::zeros(vec![0]) }))
}

pub fn prepare_fft(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    let mut processor = get_fft_processor::<f32, f32>();
    let work: Work = if layer.conv.dimensions() == 1 {
        let Prepared { x, h, mode, border } = signal(layer, operands)?;
        Box::new(move || dynamic(x.conv_fft_with_processor(&h, mode, border, &mut processor)))
    } else {
        let Prepared { x, h, mode, border } = plane(layer, operands)?;
        Box::new(move || dynamic(x.conv_fft_with_processor(&h, mode, border, &mut processor)))
    };
    Ok(Box::new(NdarrayConv { work, output: ArrayD::zeros(vec![0]) }))
}

fn dynamic<D: Dimension, const N: usize>(
    result: Result<Array<f32, D>, ndarray_conv::Error<N>>,
) -> Outcome<ArrayD<f32>> {
    Ok(result.map_err(|error| error.to_string())?.into_dyn())
}

fn signal(layer: &Layer, operands: &Operands) -> Outcome<Prepared<Array1<f32>, 1>> {
    let [_, left, _, right] = layer.padding;
    let (input, kernel) = values(layer, operands)?;
    Ok(Prepared {
        x: Array1::from_vec(input),
        h: Array1::from_vec(kernel),
        mode: ConvMode::Explicit { padding: [[left, right]], strides: [1] },
        border: if layer.has_zero_border() { PaddingMode::Zeros } else { PaddingMode::Reflect },
    })
}

fn plane(layer: &Layer, operands: &Operands) -> Outcome<Prepared<Array2<f32>, 2>> {
    let [top, left, bottom, right] = layer.padding;
    let (input, kernel) = values(layer, operands)?;
    Ok(Prepared {
        x: Array2::from_shape_vec((layer.conv.input[0], layer.conv.input[1]), input)?,
        h: Array2::from_shape_vec((layer.conv.kernel[0], layer.conv.kernel[1]), kernel)?,
        mode: ConvMode::Explicit { padding: [[top, bottom], [left, right]], strides: [1, 1] },
        border: if layer.has_zero_border() { PaddingMode::Zeros } else { PaddingMode::Reflect },
    })
}

fn values(layer: &Layer, operands: &Operands) -> Outcome<(Vec<f32>, Vec<f32>)> {
    if !layer.is_plane() {
        return Err("one channel only".into());
    }
    let backwards = operands.correlated.iter().rev().copied().collect();
    Ok((operands.input.clone(), backwards))
}

impl Contestant for NdarrayConv {
    fn run(&mut self) -> Outcome<()> {
        self.output = (self.work)()?;
        Ok(())
    }

    fn value(&self, [_, _, row, column]: [usize; 4]) -> f32 {
        let at = [row, column];
        *self.output.get(&at[2 - self.output.ndim()..]).unwrap_or(&f32::NAN)
    }
}
