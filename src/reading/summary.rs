//! What is told about scores: means over spans, rankings, and the scale of a text. The first token, an attention sink, is left out.

use std::ops::Range;

use ndarray::{Array1, ArrayView2, Axis, s};

/// Mean score [E] over a span of tokens, without token 0; none when nothing is left of the span.
pub fn span_mean(scores: ArrayView2<f32>, span: Range<usize>) -> Option<Array1<f32>> {
    let span = span.start.max(1)..span.end.min(scores.nrows());
    if span.is_empty() {
        return None;
    }
    scores.slice(s![span, ..]).mapv(f64::from).mean_axis(Axis(0)).map(|mean| mean.mapv(|value| value as f32))
}

/// Indices by falling score; equal scores stay in order.
pub fn ranking(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

/// The `count` highest, from the highest, and the `count` lowest, from the lowest.
pub fn top_and_bottom(scores: &[f32], count: usize) -> (Vec<usize>, Vec<usize>) {
    let order = ranking(scores);
    (order.iter().copied().take(count).collect(), order.iter().rev().copied().take(count).collect())
}

/// The 99th percentile of |score| over the tokens after the first and these emotions (indices): the paper's colour scale. None
/// where there is no such score, or all are 0.
pub fn scale_p99(scores: ArrayView2<f32>, emotions: &[usize]) -> Option<f32> {
    let mut sizes: Vec<f32> = scores
        .outer_iter()
        .skip(1)
        .flat_map(|row| emotions.iter().filter_map(move |emotion| row.get(*emotion).map(|score| score.abs())))
        .collect();
    sizes.sort_by(f32::total_cmp);
    let place = 0.99 * sizes.len().checked_sub(1)? as f64;
    let (below, above) = (sizes[place.floor() as usize], sizes[place.ceil() as usize]);
    let scale = below + (above - below) * place.fract() as f32;
    (scale > 0.0).then_some(scale)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[track_caller]
    fn check_span(span: Range<usize>, expected: Option<Array1<f32>>) {
        let scores = array![[100.0, 100.0], [1.0, 2.0], [3.0, -2.0]];
        assert_eq!(span_mean(scores.view(), span), expected);
    }

    #[test]
    fn spans_leave_out_the_first_token() {
        check_span(0..3, Some(array![2.0, 0.0]));
        check_span(1..2, Some(array![1.0, 2.0]));
        check_span(2..99, Some(array![3.0, -2.0]));
    }

    #[test]
    fn an_empty_span_has_no_mean() {
        check_span(0..1, None);
        check_span(2..2, None);
        check_span(7..9, None);
    }

    #[test]
    fn rankings_are_stable() {
        assert_eq!(ranking(&[0.5, 2.0, 0.5, -1.0]), [1, 0, 2, 3]);
        assert_eq!(top_and_bottom(&[0.5, 2.0, -1.0], 2), (vec![1, 0], vec![2, 0]));
        assert_eq!(top_and_bottom(&[0.5], 2), (vec![0], vec![0]));
    }

    #[test]
    fn the_scale_is_numpys_percentile() {
        // numpy.percentile(abs([1, -2, 3, -4]), 99) = 3.97
        let scores = array![[900.0, 900.0], [1.0, -2.0], [3.0, -4.0]];
        let scale = scale_p99(scores.view(), &[0, 1]).unwrap();
        assert!((scale - 3.97).abs() < 1e-6, "{scale}");
        assert_eq!(scale_p99(scores.view(), &[]), None);
        assert_eq!(scale_p99(array![[5.0], [0.0]].view(), &[0]), None);
    }
}
