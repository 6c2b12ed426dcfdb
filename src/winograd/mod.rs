//! Winograd's minimal filtering: F(m, 3) computes m outputs of a kernel of 3 taps by m + 2 multiplications instead of
//! 3 m (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms for convolutional
//! neural networks", 2016). Here are the transforms of one axis; a kernel of rows and columns nests two.
//!
//! ```text
//! output = A^T [ (G kernel) .* (B^T input) ]     B^T: t x t, G: t x 3, A^T: m x t, t = m + 2
//! ```
//!
//! The matrices follow from t - 1 points and infinity (Toom, Cook; Blahut, "Fast algorithms for signal processing", 2010).
//! F(2, 3) takes 0, 1, -1. F(4, 3) takes 0, 5/8, -5/8, 3/2, -3/2, which lose less than half as many digits as the usual
//! 0, 1, -1, 2, -2 (for good points see Barabasz et al., "Error analysis and improving the accuracy of Winograd
//! convolution for deep neural networks", 2020).

/// The points of F(4, 3) besides zero and infinity are these and their negatives.
pub(crate) const NEAR: f64 = 0.625;
pub(crate) const FAR: f64 = 1.5;

/// Most values of a tile along an axis.
pub(crate) const MAX_TILE: usize = 6;

/// How one axis is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Minimal {
    /// One tap, one output: nothing to save.
    F1x1,
    /// F(2, 3).
    F2x3,
    /// F(4, 3).
    F4x3,
}

impl Minimal {
    /// Outputs of a tile.
    pub(crate) const fn outputs(self) -> usize {
        match self {
            Minimal::F1x1 => 1,
            Minimal::F2x3 => 2,
            Minimal::F4x3 => 4,
        }
    }

    /// Inputs of a tile, and multiplications.
    pub(crate) const fn tile(self) -> usize {
        match self {
            Minimal::F1x1 => 1,
            Minimal::F2x3 => 4,
            Minimal::F4x3 => 6,
        }
    }

    /// The matrix G, of which the first `tile()` rows and as many columns as there are taps count.
    pub(crate) fn kernel_matrix(self) -> [[f64; 3]; MAX_TILE] {
        let mut matrix = [[0.0; 3]; MAX_TILE];
        match self {
            Minimal::F1x1 => matrix[0][0] = 1.0,
            Minimal::F2x3 => {
                matrix[0] = [1.0, 0.0, 0.0];
                matrix[1] = [0.5, 0.5, 0.5];
                matrix[2] = [0.5, -0.5, 0.5];
                matrix[3] = [0.0, 0.0, 1.0];
            }
            Minimal::F4x3 => {
                let (near, far) = (NEAR * NEAR, FAR * FAR);
                matrix[0] = [1.0 / (near * far), 0.0, 0.0];
                let row = |point: f64, scale: f64| [1.0, point, point * point].map(|power| power / scale);
                matrix[1] = row(NEAR, 2.0 * near * (near - far));
                matrix[2] = row(-NEAR, 2.0 * near * (near - far));
                matrix[3] = row(FAR, 2.0 * far * (far - near));
                matrix[4] = row(-FAR, 2.0 * far * (far - near));
                matrix[5] = [0.0, 0.0, 1.0];
            }
        }
        matrix
    }
}

/// The kernel of one pair of channels transformed along both axes, `G_rows kernel G_columns^T`, row by row.
pub(crate) fn transform_kernel(
    kinds: [Minimal; 2],
    taps: [usize; 2],
    kernel: impl Fn(usize, usize) -> f64,
) -> [f64; MAX_TILE * MAX_TILE] {
    let [rows, columns] = kinds.map(Minimal::kernel_matrix);
    let mut transformed = [0.0; MAX_TILE * MAX_TILE];
    for (r, gains) in (0..taps[0]).map(|r| (r, rows.map(|row| row[r]))) {
        let line: [f64; 3] = core::array::from_fn(|c| if c < taps[1] { kernel(r, c) } else { 0.0 });
        for j in 0..kinds[1].tile() {
            let value: f64 = columns[j].iter().zip(&line).map(|(g, tap)| g * tap).sum();
            for i in 0..kinds[0].tile() {
                transformed[i * kinds[1].tile() + j] += gains[i] * value;
            }
        }
    }
    transformed
}
