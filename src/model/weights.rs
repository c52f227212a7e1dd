//! The weight files: memory-mapped safetensors, read tensor by tensor, widened to f32 and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::ModelError;
use super::source::Source;

/// All tensors of a model, still on disk, and a tally of what has been taken.
pub(super) struct Weights {
    files: Vec<Mapped>,
    /// Name of a tensor -> the file it is in, where its bytes are, its shape and type.
    tensors: BTreeMap<String, Stored>,
    taken: BTreeSet<String>,
    parameters: u64,
}

struct Mapped {
    path: PathBuf,
    bytes: Mmap,
}

struct Stored {
    file: usize,
    range: std::ops::Range<usize>,
    shape: Vec<usize>,
    dtype: Dtype,
}

impl Weights {
    pub fn open(source: &Source) -> Result<Self, ModelError> {
        let mut weights = Self { files: Vec::new(), tensors: BTreeMap::new(), taken: BTreeSet::new(), parameters: 0 };
        for path in source.weight_files()? {
            weights.add_file(path)?;
        }
        Ok(weights)
    }

    fn add_file(&mut self, path: PathBuf) -> Result<(), ModelError> {
        let bytes = map(&path)?;
        let broken = |problem: String| ModelError::Weights { path: path.clone(), problem };
        if bytes.is_empty() {
            return Err(broken("it is empty".into()));
        }
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
        let data = 8 + header;
        let infos: BTreeMap<_, _> = metadata.tensors().into_iter().collect();
        for (name, info) in infos {
            let (start, end) = info.data_offsets;
            let range = data + start..data + end;
            let stored = Stored { file: self.files.len(), range, shape: info.shape.clone(), dtype: info.dtype };
            if let Some(first) = self.tensors.insert(name.clone(), stored) {
                let other = self.files.get(first.file).map_or(&path, |file| &file.path);
                return Err(ModelError::Tensor {
                    problem: format!("is in two files, the other is {}", other.display()),
                    path,
                    name,
                    hint: "Leave only one set of weights in the folder",
                });
            }
        }
        self.files.push(Mapped { path, bytes });
        Ok(())
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Number of tensors in the files.
    pub fn count(&self) -> usize {
        self.tensors.len()
    }

    /// Number of weights taken so far.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// The type most of the weights have in the files.
    pub fn dtype(&self) -> String {
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        for stored in self.tensors.values() {
            *sizes.entry(type_name(stored.dtype)).or_default() += stored.range.len();
        }
        sizes.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(name, _)| name).unwrap_or_default()
    }

    /// Names of the tensors which nobody has taken.
    pub fn left_over(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str).filter(|name| !self.taken.contains(*name))
    }

    /// One tensor as f32. It must have this shape and only finite values.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let Some(stored) = self.tensors.get(name) else {
            return Err(self.missing(name));
        };
        let Mapped { path, bytes } = &self.files[stored.file];
        let wrong = |problem: String, hint| ModelError::Tensor { path: path.clone(), name: name.into(), problem, hint };
        if stored.shape != shape {
            let problem = format!("has shape {:?}, and config.json asks for {shape:?}", stored.shape);
            return Err(wrong(problem, "Check that config.json and the weights belong together"));
        }
        let dtype = match stored.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                let problem = format!("has type {}", type_name(other));
                return Err(wrong(problem, "Only float32, float16 and bfloat16 are read; convert the weights"));
            }
        };
        let tensor = Tensor::from_raw_buffer(&bytes[stored.range.clone()], dtype, shape, &Device::Cpu)?;
        let tensor = tensor.to_dtype(DType::F32)?;
        if !all_finite(&tensor)? {
            return Err(wrong("holds NaN or infinite values".into(), "Fetch the file again, or choose another model"));
        }
        self.parameters += tensor.elem_count() as u64;
        self.taken.insert(name.to_owned());
        Ok(tensor)
    }

    /// Takes back the count of a tensor which is a copy of another.
    pub fn forget(&mut self, parameters: u64) {
        self.parameters -= parameters;
    }

    fn missing(&self, name: &str) -> ModelError {
        let path = match self.files.as_slice() {
            [file] => file.path.clone(),
            files => files.first().and_then(|file| file.path.parent()).unwrap_or(Path::new("")).to_owned(),
        };
        let hint = "Check that config.json and the weights belong together";
        ModelError::Tensor { path, name: name.into(), problem: "is missing".into(), hint }
    }
}

/// SHA-256 over the bytes of the weight files, in name order, as lower-case hexadecimal digits.
pub(super) fn sha256(source: &Source) -> Result<String, ModelError> {
    let mut hash = Sha256::new();
    for path in source.weight_files()? {
        let mut file = open(&path)?;
        std::io::copy(&mut file, &mut hash).map_err(|source| ModelError::Read { path, source })?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn open(path: &Path) -> Result<File, ModelError> {
    File::open(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })
}

fn map(path: &Path) -> Result<Mmap, ModelError> {
    let file = open(path)?;
    let unreadable = |source| ModelError::Read { path: path.to_owned(), source };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(std::io::ErrorKind::InvalidInput.into()));
    }
    // SAFETY: the map is read-only, lives only while the model loads, and every byte is copied out before it is used. Another
    // program which cuts the file off meanwhile could end this one, as with every mapped file.
    unsafe { Mmap::map(&file) }.map_err(unreadable)
}

fn all_finite(tensor: &Tensor) -> Result<bool, ModelError> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.iter().all(|x| x.is_finite()))
}

/// As PyTorch calls it.
fn type_name(dtype: Dtype) -> String {
    match dtype {
        Dtype::F64 => "float64".into(),
        Dtype::F32 => "float32".into(),
        Dtype::F16 => "float16".into(),
        Dtype::BF16 => "bfloat16".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}
