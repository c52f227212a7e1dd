//! Whether a model fits into the memory that is free, asked before anything large is read.

use candle_core::Device;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::config::Config;
use super::{ModelError, Precision, device};

/// Tokens of the run for which there must be room.
const RUN: usize = 2048;

/// What a model will take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Need {
    pub weights: u64,
    /// Keys and values of a run, and its kept residuals.
    pub run: u64,
    /// What the weights would take in Q8_0.
    pub smaller: u64,
}

impl Need {
    /// `dense` are the weights which are f32 once loaded, or Q8_0 by choice; `quantised` the bytes of those which stay as they are.
    pub fn new(config: &Config, precision: Precision, dense: u64, quantised: u64) -> Self {
        let tokens = RUN.min(config.context) as u64;
        let per_token = config.layers.len() * (2 * config.kv_heads * config.head_dim + config.width);
        // A block of 32 numbers has a scale of 2 bytes.
        let smaller = dense / 32 * 34 + quantised;
        let weights = match precision {
            Precision::AsStored => 4 * dense + quantised,
            Precision::Q8_0 => smaller,
        };
        Self { weights, run: 4 * tokens * per_token as u64, smaller }
    }

    /// # Errors
    /// [`ModelError::Memory`] where it is more than what is `free` on the device.
    pub fn check(&self, free: u64, device: &Device) -> Result<(), ModelError> {
        let all = self.weights + self.run;
        if all <= free {
            return Ok(());
        }
        let at = if device.is_cpu() { String::new() } else { format!(" on {}", device::name(device)) };
        let problem = format!(
            "{} for the weights and {} for a run of {RUN} tokens are {}, but only {} are free{at}",
            readable(self.weights),
            readable(self.run),
            readable(all),
            readable(free)
        );
        let smaller = self.smaller + self.run;
        let hint = match smaller < all {
            true if smaller <= free => {
                format!("Load it as Q8_0 (`--precision q8_0`), which takes {}", readable(smaller))
            }
            _ => "Close other programs, or choose a smaller or more strongly quantised model".into(),
        };
        Err(ModelError::Memory { problem, hint })
    }
}

/// Bytes which programs may still take on the device, where that tells: on a processor without swapping.
pub(super) fn free(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return device.cuda_stream().context().mem_get_info().ok().map(|(free, _)| free as u64);
    }
    // Metal takes the memory of the processor.
    match device {
        Device::Cpu | Device::Metal(_) => free_ram(),
        Device::Cuda(_) => None,
    }
}

fn free_ram() -> Option<u64> {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    Some(System::new_with_specifics(memory).available_memory()).filter(|free| *free > 0)
}

/// As in "1.9 GB".
fn readable(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 { format!("{megabytes:.0} MB") } else { format!("{:.1} GB", megabytes / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need { weights: 4_000_000_000, run: 500_000_000, smaller: 1_062_500_000 };

    #[test]
    fn what_fits_is_let_through() {
        assert!(NEED.check(4_500_000_000, &Device::Cpu).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_sum_and_a_way_out() {
        let message = NEED.check(4_499_999_999, &Device::Cpu).unwrap_err().to_string();
        assert_eq!(
            message,
            "the model does not fit into memory: 4.0 GB for the weights and 500 MB for a run of 2048 tokens are 4.5 GB, but only 4.5 GB are free\n\
             Load it as Q8_0 (`--precision q8_0`), which takes 1.6 GB"
        );
        let message = NEED.check(1_000_000_000, &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("only 1.0 GB are free\nClose other programs"), "{message}");
    }

    #[test]
    fn the_system_tells_what_is_free() {
        assert!(free(&Device::Cpu).is_none_or(|free| free > 1 << 20));
    }
}
