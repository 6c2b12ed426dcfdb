//! The filters, and how their results are shown.

use std::f64::consts::PI;

use convolve::Kernel;

/// A convolution with one or several kernels of the same size.
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) kernels: Vec<Kernel<f32>>,
}

pub(crate) fn all() -> Vec<Filter> {
    let filter = |name, kernels: &[Kernel<f32>]| Filter { name, kernels: kernels.to_vec() };
    vec![
        filter("sobel edges", &[Kernel::sobel_x(), Kernel::sobel_y()]),
        filter("sharpen", &[Kernel::sharpen()]),
        filter("emboss", &[Kernel::emboss()]),
        filter("small blur", &[Kernel::gaussian(1.0)]),
        filter("large blur", &[Kernel::gaussian(8.0)]),
        filter("shaken camera", &[shaken_camera(20)]),
    ]
}

impl Filter {
    /// `[rows, columns]` of each kernel.
    pub(crate) fn dims(&self) -> [usize; 2] {
        self.kernels[0].dims()
    }

    /// Makes a picture of the result: that of a single kernel as it is, that of two as the length of the gradient.
    /// Saving rounds, and clamps what is below 0 or above 255.
    pub(crate) fn shown(&self, values: &[f32]) -> Vec<f32> {
        let (first, second) = values.split_at(values.len() / self.kernels.len());
        if second.is_empty() {
            return first.to_vec();
        }
        // Taps of one sign add up to 4: a step by half of the range is shown as white, and so is any higher one.
        first.iter().zip(second).map(|(x, y)| x.hypot(*y) / 2.0).collect()
    }
}

/// Motion blur along a spiral arc, as of a camera moved during the exposure. Not separable.
fn shaken_camera(radius: usize) -> Kernel<f32> {
    let size = 2 * radius + 1;
    let mut taps = vec![0.0; size * size];
    let moments = 64 * size;
    for moment in 0..moments {
        let time = moment as f64 / moments as f64;
        let (sine, cosine) = (1.5 * PI * time).sin_cos();
        let distance = (radius as f64 - 1.0) * (0.3 + 0.7 * time);
        add_point(&mut taps, size, [radius as f64 + distance * sine, radius as f64 + distance * cosine]);
    }
    // Every moment contributed one; the picture keeps its brightness.
    let taps = taps.iter().map(|tap| (tap / moments as f64) as f32).collect();
    Kernel::new([size, size], taps).expect("as many taps as the size says")
}

/// Shares one out between the four taps around a point, the nearest getting most.
fn add_point(taps: &mut [f64], size: usize, [row, column]: [f64; 2]) {
    let (top, left) = (row.floor(), column.floor());
    let (down, right) = (row - top, column - left);
    let corner = top as usize * size + left as usize;
    taps[corner] += (1.0 - down) * (1.0 - right);
    taps[corner + 1] += (1.0 - down) * right;
    taps[corner + size] += down * (1.0 - right);
    taps[corner + size + 1] += down * right;
}
