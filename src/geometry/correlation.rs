//! Pearson's correlation.

/// Pearson's r of two equally long series; none with fewer than two pairs, or when one does not vary.
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len();
    if n < 2 || n != b.len() {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    let r = ab / (aa * bb).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &[f64], b: &[f64], expected: Option<f64>) {
        match (pearson(a, b), expected) {
            (Some(r), Some(expected)) => assert!((r - expected).abs() < 1e-12, "{r} is not {expected}"),
            (r, expected) => assert_eq!(r, expected),
        }
    }

    #[test]
    fn a_line_correlates_fully() {
        check(&[1.0, 2.0, 4.0], &[3.0, 5.0, 9.0], Some(1.0));
        check(&[1.0, 2.0, 4.0], &[-3.0, -5.0, -9.0], Some(-1.0));
    }

    #[test]
    fn a_known_case() {
        check(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 4.0, 3.0], Some(0.6));
    }

    #[test]
    fn no_r_without_variation_or_pairs() {
        check(&[1.0, 1.0], &[1.0, 2.0], None);
        check(&[1.0], &[1.0], None);
        check(&[], &[], None);
        check(&[1.0, 2.0], &[1.0], None);
    }
}
