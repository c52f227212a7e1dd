//! Principal components, all of them and exact: the share of variance that a map prints needs every one.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::GeometryError;
use super::eigen::Eigen;
use crate::job::Cancel;

/// Components below this share of the largest are rounding, not structure.
const RANK_TOLERANCE: f64 = 1e-12;

/// The principal components of n rows of width D; r is their rank, at most n − 1 and D.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Mean row, [D].
    pub mean: Array1<f64>,
    /// Orthonormal rows, [r, D]. Their signs are arbitrary.
    pub components: Array2<f64>,
    /// The centred rows in these components, [n, r].
    pub coordinates: Array2<f64>,
    /// Share of the total variance, of every component, descending; their sum is 1.
    pub explained: Vec<f64>,
}

/// Decomposes the rows as they are (not brought to unit length), centred on their mean.
///
/// # Errors
/// Fewer than two rows, rows which are all the same, values which are not finite.
pub fn pca(rows: ArrayView2<f32>) -> Result<Pca, GeometryError> {
    let (n, width) = rows.dim();
    if n < 2 || width == 0 {
        return Err(GeometryError::TooFew(n));
    }
    if rows.iter().any(|value| !value.is_finite()) {
        return Err(GeometryError::NotFinite);
    }
    let rows = rows.mapv(f64::from);
    let mean = rows.sum_axis(Axis(0)) / n as f64;
    let centred = &rows - &mean;
    let total = centred.iter().map(|value| value * value).sum::<f64>();
    let scale = rows.iter().map(|value| value * value).sum::<f64>();
    // Equal rows leave rounding errors behind, about 1e-16 of the values each.
    if total <= 1e-28 * scale {
        return Err(GeometryError::Constant);
    }

    // The smaller of the two products has the same eigenvalues.
    let by_row = n <= width;
    let product = if by_row { centred.dot(&centred.t()) } else { centred.t().dot(&centred) };
    let eigen = Eigen::new(product, &Cancel::new())?;
    let least = RANK_TOLERANCE * eigen.values()[0];
    let most = (n - 1).min(width);
    let values: Vec<f64> = eigen.values().iter().copied().take(most).take_while(|value| *value > least).collect();
    let vectors = eigen.vectors(values.len());

    let (components, coordinates) = if by_row {
        // Xᵀu / σ is the component, σu the coordinates.
        let sigma = Array1::from_iter(values.iter().map(|value| value.sqrt()));
        let components = vectors.dot(&centred) / sigma.view().insert_axis(Axis(1));
        (components, vectors.reversed_axes() * &sigma)
    } else {
        let coordinates = centred.dot(&vectors.t());
        (vectors, coordinates)
    };
    let kept: f64 = values.iter().sum();
    let explained = values.iter().map(|value| value / kept).collect();
    Ok(Pca { mean, components, coordinates, explained })
}
