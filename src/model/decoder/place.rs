//! Where the parts of a decoder are, and whose arithmetic computes there: our kernels need the memory of a processor, candle's operations
//! (`portable`) know every device.

use candle_core::utils::{has_accelerate, has_mkl};
use candle_core::{Device, Tensor};

use super::kernel::{Activate, CausalAttention};
use super::portable;
use crate::model::ModelError;

#[derive(Clone, Debug)]
pub(in crate::model) struct Place {
    device: Device,
    /// Whether our kernels compute.
    ours: bool,
}

impl Place {
    /// Our kernels on a processor, candle's operations elsewhere.
    pub fn on(device: Device) -> Self {
        let ours = device.is_cpu();
        Self { device, ours }
    }

    /// candle's operations on a processor, as they would compute elsewhere.
    #[cfg(test)]
    pub fn portable() -> Self {
        Self { device: Device::Cpu, ours: false }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Whether norms are ours.
    pub fn norms(&self) -> bool {
        self.ours
    }

    /// Whether products are ours: candle hands its own to the library it was built with.
    pub fn multiplies(&self) -> bool {
        self.ours && !has_mkl() && !has_accelerate()
    }

    pub fn activate(&self, how: &Activate, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(if self.ours { x.apply_op1_no_bwd(how)? } else { portable::activate(how, x)? })
    }

    pub fn attend(&self, how: &CausalAttention, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor, ModelError> {
        Ok(if self.ours { q.apply_op3_no_bwd(k, v, how)? } else { portable::attend(how, q, k, v)? })
    }
}
