//! The choice of the device which holds a model and computes.

use std::fmt;
use std::str::FromStr;

use candle_core::utils::{cuda_is_available, metal_is_available};
use candle_core::{Device, DeviceLocation, Tensor};
use serde::{Deserialize, Serialize};

use super::ModelError;

/// Where a model is kept and run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// The accelerator this program was built with, if it answers, else the processor.
    #[default]
    Auto,
    Cpu,
    /// By its number, from 0.
    Cuda(usize),
    Metal,
}

impl DeviceChoice {
    /// The choices which this build has. An accelerator among them may still not answer.
    pub fn known() -> Vec<Self> {
        [Self::Auto, Self::Cpu, Self::Cuda(0), Self::Metal].into_iter().filter(|choice| choice.is_built_in()).collect()
    }

    /// Whether this build can use it at all.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Auto | Self::Cpu => true,
            Self::Cuda(_) => cuda_is_available(),
            Self::Metal => metal_is_available(),
        }
    }

    /// # Errors
    /// [`ModelError::Device`] for a device which is named and is not in this build or does not answer.
    pub(super) fn open(self) -> Result<Device, ModelError> {
        let device = match self {
            Self::Auto => {
                let mut accelerators = [Self::Cuda(0), Self::Metal].into_iter().filter(|choice| choice.is_built_in());
                return Ok(accelerators.find_map(|choice| choice.open().ok()).unwrap_or(Device::Cpu));
            }
            Self::Cpu => return Ok(Device::Cpu),
            // A stream of its own: the usual one differs from thread to thread, and a model may be used by any.
            Self::Cuda(number) => Device::new_cuda_with_stream(number),
            Self::Metal => Device::new_metal(0),
        };
        device.and_then(answering).map_err(|error| self.refused(&error.to_string()))
    }

    fn refused(self, problem: &str) -> ModelError {
        let device = self.to_string();
        if self.is_built_in() {
            // candle adds a backtrace.
            let problem = problem.lines().next().unwrap_or_default().to_owned();
            let hint = "Check that it is there and that its driver works, or choose `--device cpu`".into();
            return ModelError::Device { device, problem, hint };
        }
        let feature = device.split(':').next().unwrap_or_default();
        let hint = format!("Build the program with `--features {feature}`, or choose `--device cpu`");
        ModelError::Device { device, problem: "this program was built without it".into(), hint }
    }
}

/// The device, once it has computed something.
fn answering(device: Device) -> candle_core::Result<Device> {
    let two = Tensor::new(&[1f32], &device)?.affine(1.0, 1.0)?.to_vec1::<f32>()?;
    if two != [2.0] {
        candle_core::bail!("it computes 1 + 1 = {two:?}");
    }
    Ok(device)
}

/// What a device is called: `cpu`, `cuda:0`, `metal`.
pub(super) fn name(device: &Device) -> String {
    let choice = match device.location() {
        DeviceLocation::Cpu => DeviceChoice::Cpu,
        DeviceLocation::Cuda { gpu_id } => DeviceChoice::Cuda(gpu_id),
        DeviceLocation::Metal { .. } => DeviceChoice::Metal,
    };
    choice.to_string()
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
        match (text, number) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            ("metal", _) => Ok(Self::Metal),
            (_, Some(number)) => Ok(Self::Cuda(number)),
            _ => Err(format!("{text:?} is none of auto, cpu, cuda, cuda:N and metal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_it_is_written() {
        for text in ["auto", "cpu", "cuda:0", "cuda:11", "metal"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:x", "cuda:-1"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_build_lacks_is_refused_with_the_way_to_get_it() {
        for (choice, feature) in [(DeviceChoice::Cuda(3), "cuda"), (DeviceChoice::Metal, "metal")] {
            if !choice.is_built_in() {
                assert!(!DeviceChoice::known().contains(&choice));
                assert_eq!(
                    choice.open().unwrap_err().to_string(),
                    format!(
                        "the device {choice} cannot be used: this program was built without it\n\
                         Build the program with `--features {feature}`, or choose `--device cpu`"
                    )
                );
            }
        }
    }

    #[test]
    fn without_a_wish_there_is_always_a_device() {
        let device = DeviceChoice::Auto.open().unwrap();
        assert!(answering(device).is_ok());
        assert_eq!(name(&DeviceChoice::Cpu.open().unwrap()), "cpu");
    }
}
