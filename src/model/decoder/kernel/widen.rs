//! Numbers of a file as f32.

use candle_core::{DType, Result, bail};
use half::{bf16, f16};
use rayon::prelude::*;

use super::TASK;

/// Little-endian numbers as f32; none where one of them is not finite.
pub(in crate::model) fn widened(bytes: &[u8], dtype: DType) -> Result<Option<Vec<f32>>> {
    Ok(match dtype {
        DType::F32 => convert(bytes, f32::from_le_bytes),
        DType::F16 => convert(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        DType::BF16 => convert(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        other => bail!("numbers of type {other:?} are not widened"),
    })
}

fn convert<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32 + Sync) -> Option<Vec<f32>> {
    let bytes = bytes.as_chunks().0;
    let mut values = vec![0f32; bytes.len()];
    let finite = values.par_chunks_mut(TASK).zip(bytes.par_chunks(TASK)).map(|(values, bytes)| {
        let mut finite = true;
        for (value, bytes) in values.iter_mut().zip(bytes) {
            *value = number(*bytes);
            finite &= value.is_finite();
        }
        finite
    });
    finite.reduce(|| true, |a, b| a && b).then_some(values)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn numbers_are_widened_as_by_candle() {
        let values = Tensor::randn(0f32, 1f32, 3 * TASK + 5, &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let narrow = values.to_dtype(dtype).unwrap();
            let mut bytes = Vec::new();
            narrow.write_bytes(&mut bytes).unwrap();
            let right: Vec<f32> = narrow.to_dtype(DType::F32).unwrap().to_vec1().unwrap();
            assert!(widened(&bytes, dtype).unwrap() == Some(right));
        }
        assert!(widened(&[0; 8], DType::F64).is_err());
    }

    #[test]
    fn what_is_not_finite_is_seen() {
        for odd in [f32::NAN, f32::INFINITY] {
            let mut bytes = vec![0; 8 * TASK];
            bytes[5 * TASK..][..4].copy_from_slice(&odd.to_le_bytes());
            assert!(widened(&bytes, DType::F32).unwrap().is_none());
        }
    }
}
