//! Weights in blocks of eight bits (Q8_0 of GGUF): 32 numbers share a scale. What they are multiplied with is rounded to such blocks too,
//! as llama.cpp does, so that the same file gives the same numbers here and there.

use half::f16;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::rows::Rows;
use super::{LANES, TASK};

/// Numbers of a block.
const BLOCK: usize = 32;

/// A scale as f16 in two bytes, and a byte with a sign for each number.
const BYTES: usize = 2 + BLOCK;

/// Rows of whole blocks.
pub(super) struct Q8Rows<'a> {
    blocks: &'a [[u8; BYTES]],
    inputs: usize,
}

impl<'a> Q8Rows<'a> {
    /// Rows of `inputs` numbers; none where the bytes are no whole rows of whole blocks.
    pub fn new(bytes: &'a [u8], inputs: usize) -> Option<Self> {
        let (blocks, rest) = bytes.as_chunks();
        let whole = rest.is_empty() && inputs > 0 && inputs.is_multiple_of(BLOCK);
        (whole && (blocks.len() * BLOCK).is_multiple_of(inputs)).then_some(Self { blocks, inputs })
    }
}

impl Rows for Q8Rows<'_> {
    #[inline(always)]
    fn size(&self) -> (usize, usize) {
        (self.blocks.len() * BLOCK / self.inputs, self.inputs)
    }

    #[inline(always)]
    fn copy(&self, row: usize, from: usize, into: &mut [f32]) {
        let blocks = &self.blocks[(row * self.inputs + from) / BLOCK..];
        for (into, block) in into.as_chunks_mut().0.iter_mut().zip(blocks) {
            *into = unpacked(block);
        }
    }

    fn prepare(&self, x: &mut [f32]) {
        Arch::new().dispatch(RoundInPlace { blocks: x.as_chunks_mut().0 });
    }
}

struct RoundInPlace<'a> {
    blocks: &'a mut [[f32; BLOCK]],
}

impl WithSimd for RoundInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.blocks.iter_mut().for_each(|block| *block = unpacked(&packed(*block)));
    }
}

// Takes and gives arrays by value: behind references the compiler would not vectorise the loop.
#[inline(always)]
fn unpacked([low, high, numbers @ ..]: &[u8; BYTES]) -> [f32; BLOCK] {
    let (scale, numbers) = (widened(u16::from_le_bytes([*low, *high])), *numbers);
    let mut out = [0.0; BLOCK];
    for (out, number) in out.iter_mut().zip(numbers) {
        *out = f32::from(number as i8) * scale;
    }
    out
}

/// A finite f16 as f32: its bits moved to their places, and the exponent's other bias made good. The crate `half` would ask the
/// processor at every number what it can do.
#[inline(always)]
fn widened(half: u16) -> f32 {
    const TWO_TO_112: f32 = f32::from_bits((127 + 112) << 23);
    let moved = (i32::from(half as i16) << 13) as u32 & 0x8fff_e000;
    f32::from_bits(moved) * TWO_TO_112
}

/// Numbers, whole blocks of them, rounded to eight bits: the blocks' bytes, and sums of squares of what is lost and of the numbers.
pub(in crate::model) fn rounded(values: &[f32]) -> (Vec<u8>, [f64; 2]) {
    let (values, arch) = (values.as_chunks().0, Arch::new());
    let mut bytes = vec![0; values.len() * BYTES];
    let (parts, blocks) = (values.par_chunks(TASK), bytes.as_chunks_mut().0.par_chunks_mut(TASK));
    let sums: Vec<[f64; 2]> =
        parts.zip(blocks).map(|(values, blocks)| arch.dispatch(Round { values, blocks })).collect();
    let sum = |i: usize| sums.iter().map(|sums| sums[i]).sum();
    (bytes, [sum(0), sum(1)])
}

/// Rounds blocks, and gives the sums.
struct Round<'a> {
    values: &'a [[f32; BLOCK]],
    blocks: &'a mut [[u8; BYTES]],
}

impl WithSimd for Round<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f64; 2] {
        let mut sums = [0.0; 2];
        for (values, block) in self.values.iter().zip(self.blocks) {
            *block = packed(*values);
            let (rounded, mut squares) = (unpacked(block), [[0f32; LANES]; 2]);
            for (i, (x, rounded)) in values.iter().zip(rounded).enumerate() {
                squares[0][i % LANES] += (x - rounded) * (x - rounded);
                squares[1][i % LANES] += x * x;
            }
            sums[0] += f64::from(squares[0].iter().sum::<f32>());
            sums[1] += f64::from(squares[1].iter().sum::<f32>());
        }
        sums
    }
}

/// As llama.cpp rounds: the largest number becomes 127, halves go away from zero.
#[inline(always)]
fn packed(values: [f32; BLOCK]) -> [u8; BYTES] {
    let mut most = [0f32; LANES];
    for lanes in values.as_chunks::<LANES>().0 {
        for (most, x) in most.iter_mut().zip(lanes) {
            *most = if x.abs() > *most { x.abs() } else { *most };
        }
    }
    let scale = most.into_iter().fold(0f32, f32::max) / 127.0;
    let factor = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let mut block = [0; BYTES];
    block[..2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
    for (number, x) in block[2..].iter_mut().zip(values) {
        *number = (x * factor).round() as i8 as u8;
    }
    block
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::{GgmlDType, QTensor};
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn scales_are_widened_exactly() {
        for bits in (0..=u16::MAX).filter(|bits| f16::from_bits(*bits).is_finite()) {
            assert_eq!(widened(bits).to_bits(), f16::from_bits(bits).to_f32().to_bits());
        }
    }

    #[test]
    fn rounding_equals_candle() {
        let values = Tensor::randn(0f32, 1f32, (3, TASK), &Device::Cpu).unwrap();
        let ours = values.flatten_all().unwrap().to_vec1().unwrap();
        let (bytes, [lost, all]) = rounded(&ours);
        let theirs = QTensor::quantize(&values, GgmlDType::Q8_0).unwrap();
        assert!(bytes == *theirs.data().unwrap());
        let sum = |x: Tensor| f64::from(x.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap());
        let loss = sum((theirs.dequantize(&Device::Cpu).unwrap() - &values).unwrap());
        assert!((lost / loss - 1.0).abs() < 1e-4 && (all / sum(values) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn zeros_stay() {
        let (bytes, [lost, all]) = rounded(&[0.0; 64]);
        assert!(bytes == [0; 68] && lost == 0.0 && all == 0.0);
    }

    #[test]
    fn only_whole_rows_are_taken() {
        assert_eq!(Q8Rows::new(&[0; 68], 32).map(|rows| rows.size()), Some((2, 32)));
        for (bytes, inputs) in [(68, 96), (68, 16), (67, 32), (34, 0)] {
            assert!(Q8Rows::new(&vec![0; bytes], inputs).is_none());
        }
    }
}
