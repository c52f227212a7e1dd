//! Eigen-decomposition of a symmetric matrix: Householder reflections to tridiagonal form, then implicit QL.
//!
//! `linfa_linalg::eigh` is exact too (the tests compare), but takes 3 s for 896 rows and 65 s for 1536, most of it in rotations
//! along columns; one is needed for every block of a model. Here the rotations are only written down, and replayed on just the
//! vectors somebody asks for.

use ndarray::Array2;

use super::GeometryError;
use crate::job::Cancel;

/// Vectors are computed in strips this wide, which stay in the processor's cache.
const STRIP: usize = 32;
/// QL needs about two sweeps per eigenvalue.
const MAX_SWEEPS: usize = 100;

/// The decomposition. Eigenvectors are computed on request.
pub struct Eigen {
    /// Descending.
    values: Vec<f64>,
    /// Where the values stand in the tridiagonal matrix.
    order: Vec<usize>,
    /// Row k right of the diagonal holds the vector of reflection k.
    reflections: Array2<f64>,
    /// Factor of each reflection: I − factor × v vᵀ.
    factors: Vec<f64>,
    rotations: Vec<Rotation>,
}

/// A rotation of rows `row` and `row + 1`.
struct Rotation {
    row: usize,
    cos: f64,
    sin: f64,
}

/// What [`tridiagonal`] leaves: two diagonals, and the factors of the reflections.
struct Tridiagonal {
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    factors: Vec<f64>,
}

impl Eigen {
    /// Decomposes a symmetric matrix; only its upper half is trusted to be right.
    ///
    /// # Errors
    /// A matrix which is not square or not finite; [`GeometryError::Stopped`].
    pub fn new(matrix: Array2<f64>, cancel: &Cancel) -> Result<Self, GeometryError> {
        let n = matrix.nrows();
        if n == 0 || matrix.ncols() != n {
            return Err(GeometryError::Shape(format!(
                "an eigen-decomposition needs a square matrix, not {:?}",
                matrix.dim()
            )));
        }
        if matrix.iter().any(|value| !value.is_finite()) {
            return Err(GeometryError::NotFinite);
        }
        // The largest entry becomes 1, so that squares neither vanish nor overflow.
        let scale = matrix.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let mut reflections = matrix.as_standard_layout().into_owned();
        if scale > 0.0 {
            reflections /= scale;
        }
        let Tridiagonal { mut diagonal, mut beside, factors } = tridiagonal(&mut reflections, cancel)?;
        let rotations = ql(&mut diagonal, &mut beside, cancel)?;
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| diagonal[*b].total_cmp(&diagonal[*a]));
        let values = order.iter().map(|index| scale * diagonal[*index]).collect();
        Ok(Self { values, order, reflections, factors, rotations })
    }

    /// Eigenvalues, descending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The eigenvectors of the `count` largest eigenvalues, as rows of length 1: [count, n].
    pub fn vectors(&self, count: usize) -> Array2<f64> {
        let n = self.values.len();
        let count = count.min(n);
        let mut vectors = Array2::zeros((count, n));
        for start in (0..count).step_by(STRIP) {
            let wanted = &self.order[start..(start + STRIP).min(count)];
            let strip = self.strip(wanted);
            for (column, mut vector) in vectors.outer_iter_mut().skip(start).take(wanted.len()).enumerate() {
                vector.assign(&strip.column(column));
            }
        }
        vectors
    }

    /// Eigenvectors as columns: unit vectors, taken back through the rotations and then the reflections.
    fn strip(&self, wanted: &[usize]) -> Array2<f64> {
        let (n, width) = (self.values.len(), wanted.len());
        let mut strip = vec![0.0; n * width];
        for (column, row) in wanted.iter().enumerate() {
            strip[row * width + column] = 1.0;
        }
        for Rotation { row, cos, sin } in self.rotations.iter().rev() {
            let (upper, lower) = strip[row * width..(row + 2) * width].split_at_mut(width);
            for (x, y) in upper.iter_mut().zip(lower) {
                (*x, *y) = (cos * *x + sin * *y, cos * *y - sin * *x);
            }
        }
        let mut shares = vec![0.0; width];
        for (k, factor) in self.factors.iter().enumerate().rev().filter(|(_, factor)| **factor != 0.0) {
            let row = self.reflections.row(k);
            let reflection = row.iter().skip(k + 1);
            let below = (k + 1) * width;
            shares.fill(0.0);
            for (v, entries) in reflection.clone().zip(strip[below..].chunks_exact(width)) {
                add_scaled(&mut shares, *v, entries);
            }
            for (v, entries) in reflection.zip(strip[below..].chunks_exact_mut(width)) {
                add_scaled(entries, -factor * v, &shares);
            }
        }
        Array2::from_shape_fn((n, width), |(row, column)| strip[row * width + column])
    }
}

/// Reduces the matrix to diagonal and off-diagonal, leaving the reflections in its upper half.
///
/// Every pass over the remaining rows does two things at once, since memory is what it waits for: it applies the last reflection and
/// multiplies with the next.
fn tridiagonal(matrix: &mut Array2<f64>, cancel: &Cancel) -> Result<Tridiagonal, GeometryError> {
    let n = matrix.nrows();
    let (mut diagonal, mut beside, mut factors) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    // The last reflection as the update A − v wᵀ − w vᵀ, still to be applied to rows k and below.
    let (mut v, mut w) = (vec![0.0; n], vec![0.0; n]);
    let Some(entries) = matrix.as_slice_mut() else { return Err(GeometryError::NotFinite) };
    for k in 0..n {
        if cancel.is_cancelled() {
            return Err(GeometryError::Stopped);
        }
        let (done, below) = entries.split_at_mut((k + 1) * n);
        let row = &mut done[k * n + k..];
        update(row, v[k], &w[k..], w[k], &v[k..]);
        diagonal[k] = row[0];
        let next = &mut row[1..];
        let Some(first) = next.first().copied() else { break };

        let length = dot(next, next).sqrt();
        if length == first.abs() {
            // Nothing beside the first entry: no reflection, but the pending update has to reach the rows below.
            beside[k] = first;
            next.fill(0.0);
        } else {
            beside[k] = -length.copysign(first);
            next[0] = first - beside[k];
            factors[k] = 2.0 / dot(next, next);
        }
        let mut product = vec![0.0; n];
        for (j, row) in below.chunks_exact_mut(n).enumerate() {
            let row = &mut row[k + 1..];
            update(row, v[k + 1 + j], &w[k + 1..], w[k + 1 + j], &v[k + 1..]);
            product[k + 1 + j] = factors[k] * dot(row, next);
        }
        let share = 0.5 * factors[k] * dot(&product[k + 1..], next);
        v[k + 1..].copy_from_slice(next);
        for ((w, product), v) in w[k + 1..].iter_mut().zip(&product[k + 1..]).zip(&v[k + 1..]) {
            *w = product - share * v;
        }
    }
    Ok(Tridiagonal { diagonal, beside, factors })
}

/// Diagonalises the tridiagonal matrix in place by implicit QL with Wilkinson's shift and returns the rotations, in their order.
fn ql(diagonal: &mut [f64], beside: &mut [f64], cancel: &Cancel) -> Result<Vec<Rotation>, GeometryError> {
    let n = diagonal.len();
    let largest = diagonal.iter().chain(beside.iter()).fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let negligible = f64::EPSILON * largest;
    let mut rotations = Vec::new();
    for l in 0..n {
        let mut sweeps = 0;
        loop {
            let end = (l..n - 1).find(|i| beside[*i].abs() <= negligible).unwrap_or(n - 1);
            if end == l {
                break;
            }
            sweeps += 1;
            if sweeps > MAX_SWEEPS {
                return Err(GeometryError::NoConvergence);
            }
            if cancel.is_cancelled() {
                return Err(GeometryError::Stopped);
            }
            sweep(diagonal, beside, l, end, &mut rotations);
        }
    }
    Ok(rotations)
}

/// One QL sweep from `end` up to `l`.
fn sweep(diagonal: &mut [f64], beside: &mut [f64], l: usize, end: usize, rotations: &mut Vec<Rotation>) {
    let half = (diagonal[l + 1] - diagonal[l]) / (2.0 * beside[l]);
    let root = half.hypot(1.0);
    let mut g = diagonal[end] - diagonal[l] + beside[l] / (half + root.copysign(half));
    let (mut sin, mut cos, mut carried) = (1.0, 1.0, 0.0);
    for i in (l..end).rev() {
        let f = sin * beside[i];
        let b = cos * beside[i];
        let length = f.hypot(g);
        beside[i + 1] = length;
        if length == 0.0 {
            // The matrix split here; the next sweep starts from the smaller part.
            diagonal[i + 1] -= carried;
            beside[end] = 0.0;
            return;
        }
        sin = f / length;
        cos = g / length;
        g = diagonal[i + 1] - carried;
        let r = (diagonal[i] - g) * sin + 2.0 * cos * b;
        carried = sin * r;
        diagonal[i + 1] = g + carried;
        g = cos * r - b;
        rotations.push(Rotation { row: i, cos, sin });
    }
    diagonal[l] -= carried;
    beside[l] = g;
    beside[end] = 0.0;
}

/// row −= a x + b y
fn update(row: &mut [f64], a: f64, x: &[f64], b: f64, y: &[f64]) {
    if a == 0.0 && b == 0.0 {
        return;
    }
    for ((entry, x), y) in row.iter_mut().zip(x).zip(y) {
        *entry -= a * x + b * y;
    }
}

/// row += a x
fn add_scaled(row: &mut [f64], a: f64, x: &[f64]) {
    for (entry, x) in row.iter_mut().zip(x) {
        *entry += a * x;
    }
}

/// Scalar product in eight lanes, which the compiler turns into vector instructions.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (x, y) = (x.chunks_exact(8), y.chunks_exact(8));
    let rest: f64 = x.remainder().iter().zip(y.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in x.zip(y) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}
