//! imageproc: `filter`, sums as defined. It knows one border, which repeats the edges, so it gets a picture that has
//! its border already, and of its output only the inside counts.

use ::imageproc::filter::filter;
use ::imageproc::kernel::Kernel;
use image::{ImageBuffer, Luma, Pixel, Rgb};

use super::ours::channels_last;
use super::{Contestant, Outcome, require_few_products};
use crate::layer::{Layer, Operands};

type Image<P> = ImageBuffer<P, Vec<f32>>;

struct Imageproc<P: Pixel<Subpixel = f32>> {
    input: Image<P>,
    output: Image<P>,
    kernel: Vec<f32>,
    taps: [u32; 2],
    border: [usize; 2],
}

pub fn prepare(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    require_few_products(layer)?;
    let [rows, columns] = layer.conv.kernel;
    let is_centred = layer.padding == [rows / 2, columns / 2, rows / 2, columns / 2];
    if layer.conv.dimensions() == 1 || !layer.is_filter() || !is_centred {
        return Err("filters of images only".into());
    }
    if layer.shapes.input[1] == 1 {
        Ok(Box::new(prepared::<Luma<f32>>(layer, operands)?))
    } else {
        Ok(Box::new(prepared::<Rgb<f32>>(layer, operands)?))
    }
}

fn prepared<P: Pixel<Subpixel = f32>>(layer: &Layer, operands: &Operands) -> Outcome<Imageproc<P>> {
    let [taps, border] = [layer.conv.kernel, [layer.padding[0], layer.padding[1]]];
    let [rows, columns] = layer.conv.input;
    let channels = usize::from(P::CHANNEL_COUNT);
    let pixels = channels_last(&operands.input, layer.shapes.input);
    let size = [rows + 2 * border[0], columns + 2 * border[1]];
    let mut bordered = vec![0.0; size[0] * size[1] * channels];
    for (index, value) in bordered.iter_mut().enumerate() {
        let place = [index / channels / size[1], index / channels % size[1]];
        let row = layer.under(0, place[0]);
        if let Some((row, column)) = row.zip(layer.under(1, place[1])) {
            *value = pixels[(row * columns + column) * channels + index % channels];
        }
    }
    let [height, width] = [u32::try_from(size[0])?, u32::try_from(size[1])?];
    let input = ImageBuffer::from_raw(width, height, bordered).ok_or("too few pixels")?;
    Ok(Imageproc {
        input,
        output: ImageBuffer::new(0, 0),
        kernel: operands.correlated[..taps[0] * taps[1]].to_vec(),
        taps: [u32::try_from(taps[1])?, u32::try_from(taps[0])?],
        border,
    })
}

impl<P: Pixel<Subpixel = f32>> Contestant for Imageproc<P> {
    fn run(&mut self) -> Outcome<()> {
        let [width, height] = self.taps;
        self.output = filter(&self.input, Kernel::new(&self.kernel, width, height), |sum: f32| sum);
        Ok(())
    }

    fn value(&self, [_, channel, row, column]: [usize; 4]) -> f32 {
        let [x, y] = [column + self.border[1], row + self.border[0]].map(|place| place as u32);
        self.output.get_pixel(x, y).channels()[channel]
    }
}
