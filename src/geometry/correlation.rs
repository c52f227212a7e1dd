//! Pearson's correlation, and Spearman's of the ranks.

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

/// Spearman's ρ: Pearson's r of the ranks; none where that has none.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    pearson(&ranks(a), &ranks(b))
}

/// The place of every value in ascending order, from 1; equal values share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut place = 0.0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let count = equal.len() as f64;
        equal.iter().for_each(|index| ranks[*index] = place + (count + 1.0) / 2.0);
        place += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn equal_values_share_a_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, -2.0, 3.0]), [4.0, 2.0, 4.0, 1.0, 4.0]);
        assert!(ranks(&[]).is_empty());
    }

    #[test]
    fn a_known_rho() {
        // scipy.stats.spearmanr gives 0.8207826816681233.
        let rho = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]);
        assert!((rho.unwrap() - 0.820_782_681_668_123_3).abs() < 1e-12, "{rho:?}");
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
    }

    proptest! {
        #[test]
        fn rho_sees_the_order_only(pairs in prop::collection::vec((-50_i32..50, -50_i32..50), 2..30)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))).unzip();
            let rho = spearman(&a, &b);
            let grown: Vec<f64> = a.iter().map(|a| a.powi(3) + 7.0 * a).collect();
            let turned: Vec<f64> = b.iter().map(|b| -b).collect();
            prop_assert_eq!(spearman(&grown, &b), rho);
            prop_assert_eq!(spearman(&b, &a).map(|r| (1e9 * r).round()), rho.map(|r| (1e9 * r).round()));
            if let (Some(rho), Some(opposite)) = (rho, spearman(&a, &turned)) {
                prop_assert!((rho + opposite).abs() < 1e-9 && rho.abs() <= 1.0);
            }
        }

        #[test]
        fn ranks_add_up(values in prop::collection::vec(-9_i32..9, 0..40)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let n = values.len() as f64;
            prop_assert!((ranks(&values).iter().sum::<f64>() - n * (n + 1.0) / 2.0).abs() < 1e-9);
        }
    }
}
