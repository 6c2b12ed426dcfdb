//! Winograd's minimal filtering: F(m, r) computes m outputs of a kernel of r taps by m + r - 1 multiplications instead
//! of m r (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms for convolutional
//! neural networks", 2016). Here are the transforms of one axis; a kernel of rows and columns nests two.
//!
//! ```text
//! output = A^T [ (G kernel) .* (B^T input) ]     B^T: t x t, G: t x r, A^T: m x t, t = m + r - 1
//! ```
//!
//! The matrices follow from t - 1 points and infinity (Toom, Cook; Blahut, "Fast algorithms for signal processing",
//! 2010). The points are chosen for small errors: those of F(4, 3) lose less than half as many digits as the usual 0,
//! 1, -1, 2, -2 (for good points see Barabasz et al., "Error analysis and improving the accuracy of Winograd
//! convolution for deep neural networks", 2020). With one tap there is nothing to save: the matrices do nothing.

mod pieces;

pub(crate) use pieces::{Family, Pieces};

/// The points of F(4, r), besides zero for three taps, and infinity, are these and their negatives.
pub(crate) const fn near_and_far(taps: usize) -> [f64; 2] {
    if taps == 3 { [0.625, 1.5] } else { [0.375, 1.25] }
}

/// Most values of a tile along an axis.
pub(crate) const MAX_TILE: usize = 6;

/// Most taps of a kind.
pub(crate) const MAX_TAPS: usize = 3;

/// The matrix G of a kind.
pub(crate) type KernelMatrix = [[f64; MAX_TAPS]; MAX_TILE];

/// How one axis is computed: F(outputs, taps), of 1, 2 or 4 outputs and up to three taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minimal {
    /// Outputs of a tile.
    pub(crate) outputs: usize,
    pub(crate) taps: usize,
}

impl Minimal {
    /// Inputs of a tile, and multiplications.
    pub(crate) const fn tile(self) -> usize {
        self.outputs + self.taps - 1
    }

    /// The points besides infinity, and how many there are.
    fn points(self) -> ([f64; MAX_TILE - 1], usize) {
        let [near, far] = near_and_far(self.taps);
        match (self.outputs, self.taps) {
            (4, 3) => ([0.0, near, -near, far, -far], 5),
            (4, 2) => ([near, -near, far, -far, 0.0], 4),
            (2, 3) => ([0.0, 1.0, -1.0, 0.0, 0.0], 3),
            (2, 2) => ([1.0, -1.0, 0.0, 0.0, 0.0], 2),
            _ => ([0.0; MAX_TILE - 1], 0),
        }
    }

    /// The matrix G, of which the first `tile()` rows and `taps` columns count.
    pub(crate) fn kernel_matrix(self) -> KernelMatrix {
        let mut matrix = [[0.0; MAX_TAPS]; MAX_TILE];
        if self.taps == 1 {
            return matrix.map(|_| [1.0, 0.0, 0.0]);
        }
        let (points, count) = self.points();
        for (row, &point) in matrix.iter_mut().zip(&points[..count]) {
            let others = points[..count].iter().filter(|&&other| other != point);
            let scale: f64 = others.map(|other| point - other).product();
            *row = [1.0, point, point * point].map(|power| power / scale);
        }
        matrix[count][self.taps - 1] = 1.0;
        matrix
    }
}
