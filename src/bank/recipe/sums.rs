//! The running sums of a build, in f64: one set for every block, so that blocks can be added in parallel and each stays in order.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

use super::finish::{BlockDirections, Directions};
use super::plan::{Chunk, Pass, Plan};
use crate::bank::BankError;
use crate::job::Cancel;

pub(super) struct Sums {
    pub(super) blocks: Vec<BlockSums>,
}

/// Sums at one block.
pub(super) struct BlockSums {
    /// Sum over an emotion's stories of the story's mean residual, [E, D].
    pub(super) stories: Array2<f64>,
    /// Sum of residual norms over story positions, [1].
    pub(super) norm: Array1<f64>,
    /// Sum of residuals over neutral positions, [D].
    pub(super) neutral: Array1<f64>,
    /// Sum of h hᵀ over neutral positions, [D, D].
    pub(super) products: Array2<f64>,
    /// Sums over questions of h·v̂ and its square, for `vectors` and for `raw`: [4, E].
    pub(super) answers: Array2<f64>,
}

impl Sums {
    pub(super) fn new(blocks: usize, emotions: usize, width: usize) -> Self {
        let block = || BlockSums {
            stories: Array2::zeros((emotions, width)),
            norm: Array1::zeros(1),
            neutral: Array1::zeros(width),
            products: Array2::zeros((width, width)),
            answers: Array2::zeros((4, emotions)),
        };
        Self { blocks: (0..blocks).map(|_| block()).collect() }
    }

    /// Adds the residuals of a chunk, [L, T, D] for each text. Stopped half-way, the sums are of no more use.
    pub(super) fn add(
        &mut self,
        chunk: &Chunk,
        plan: &Plan,
        residuals: &[Array3<f32>],
        directions: Option<&Directions>,
        cancel: &Cancel,
    ) -> Result<(), BankError> {
        self.blocks.par_iter_mut().enumerate().try_for_each(|(block, sums)| {
            if cancel.is_cancelled() {
                return Err(BankError::Stopped);
            }
            let texts: Vec<ArrayView2<f32>> = residuals.iter().map(|text| text.index_axis(Axis(0), block)).collect();
            match chunk.pass {
                Pass::Stories => {
                    let emotions = &plan.emotion_of[chunk.first..chunk.first + chunk.count];
                    for (text, emotion) in texts.iter().zip(emotions) {
                        sums.add_story(*emotion, text.slice(s![plan.start_token.., ..]));
                    }
                }
                Pass::Neutral => sums.add_neutral(&texts),
                Pass::Questions => {
                    if let Some(directions) = directions {
                        texts.iter().for_each(|text| sums.add_question(*text, &directions.blocks[block]));
                    }
                }
            }
            if sums.finite() {
                return Ok(());
            }
            Err(BankError::Numbers(format!("a residual after block {block} is not a finite number")))
        })
    }
}

impl BlockSums {
    fn add_story(&mut self, emotion: usize, positions: ArrayView2<f32>) {
        let mut sum = Array1::<f64>::zeros(positions.ncols());
        for row in positions.outer_iter() {
            let mut squares = 0.0;
            for (sum, value) in sum.iter_mut().zip(row) {
                let value = f64::from(*value);
                *sum += value;
                squares += value * value;
            }
            self.norm[0] += squares.sqrt();
        }
        self.stories.row_mut(emotion).scaled_add(1.0 / positions.nrows() as f64, &sum);
    }

    /// Token 0, the attention sink, is left out.
    fn add_neutral(&mut self, texts: &[ArrayView2<f32>]) {
        let rows: Vec<ArrayView2<f32>> = texts.iter().map(|text| text.slice_move(s![1.., ..])).collect();
        // The views all have the width of the model.
        let Ok(rows) = concatenate(Axis(0), &rows) else { return };
        let rows = rows.mapv(f64::from);
        self.neutral += &rows.sum_axis(Axis(0));
        general_mat_mul(1.0, &rows.t(), &rows, 1.0, &mut self.products);
    }

    fn add_question(&mut self, text: ArrayView2<f32>, directions: &BlockDirections) {
        let Some(last) = text.outer_iter().next_back() else { return };
        let last = last.mapv(f64::from);
        for (set, units) in [&directions.vectors.units, &directions.raw.units].into_iter().enumerate() {
            let scores = units.dot(&last);
            let mut sum = self.answers.row_mut(2 * set);
            sum += &scores;
            let mut squares = self.answers.row_mut(2 * set + 1);
            squares += &scores.mapv(|score| score * score);
        }
    }

    fn finite(&self) -> bool {
        self.norm[0].is_finite()
            && self.neutral.iter().all(|sum| sum.is_finite())
            && self.answers.iter().all(|sum| sum.is_finite())
    }
}
