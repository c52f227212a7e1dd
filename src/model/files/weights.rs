//! The weight files: memory-mapped safetensors or GGUF, read tensor by tensor, checked, and widened to f32 or kept quantised.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::{Source, inside};
use crate::model::ModelError;
use crate::model::decoder::matrix::Matrix;
use crate::model::decoder::widened;

/// Blocks which are looked through for NaN at a time.
const CHECKED_BLOCKS: usize = 1 << 16;

/// All tensors of a model, still on disk, and a tally of what has been taken.
pub(in crate::model) struct Weights {
    files: Vec<Mapped>,
    /// Name of a tensor -> the file it is in, where its bytes are, its shape and type.
    tensors: BTreeMap<String, Stored>,
    taken: BTreeSet<String>,
    parameters: u64,
}

struct Mapped {
    path: PathBuf,
    bytes: Bytes,
}

enum Bytes {
    Mapped(Arc<Mmap>),
    /// Compiled into the program.
    Inside(&'static [u8]),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Inside(bytes) => bytes,
        }
    }
}

struct Stored {
    file: usize,
    range: Range<usize>,
    shape: Vec<usize>,
    kind: Kind,
}

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain(DType),
    /// Blocks of a few bits for each number.
    Quantised(GgmlDType),
    Unread(Dtype),
}

impl Weights {
    pub fn open(source: &Source) -> Result<Self, ModelError> {
        let mut weights = Self { files: Vec::new(), tensors: BTreeMap::new(), taken: BTreeSet::new(), parameters: 0 };
        for path in source.weight_files()? {
            weights.add_safetensors(path)?;
        }
        Ok(weights)
    }

    /// The tensors of a GGUF file whose header has been read.
    pub fn of_gguf(path: &Path, bytes: Arc<Mmap>, content: &Content) -> Result<Self, ModelError> {
        let mut tensors = BTreeMap::new();
        let infos: BTreeMap<_, _> = content.tensor_infos.iter().collect();
        for (name, info) in infos {
            let wrong = |problem: &str| ModelError::Tensor {
                path: path.to_owned(),
                name: name.clone(),
                problem: problem.into(),
                hint: "Fetch the file again; it may have been cut off",
            };
            let (kind, shape) = (info.ggml_dtype, info.shape.dims().to_vec());
            let row = shape.last().copied().unwrap_or(1);
            if !row.is_multiple_of(kind.block_size()) {
                return Err(wrong("has rows which are no whole number of blocks"));
            }
            let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
            let size = count.and_then(|count| (count / kind.block_size()).checked_mul(kind.type_size()));
            let start = content.tensor_data_offset.checked_add(info.offset).and_then(|at| usize::try_from(at).ok());
            let end =
                start.zip(size).and_then(|(start, size)| start.checked_add(size)).filter(|end| *end <= bytes.len());
            let (Some(start), Some(end)) = (start, end) else { return Err(wrong("lies outside the file")) };
            let kind = match kind {
                GgmlDType::F32 => Kind::Plain(DType::F32),
                GgmlDType::F16 => Kind::Plain(DType::F16),
                GgmlDType::BF16 => Kind::Plain(DType::BF16),
                other => Kind::Quantised(other),
            };
            tensors.insert(name.clone(), Stored { file: 0, range: start..end, shape, kind });
        }
        let files = vec![Mapped { path: path.to_owned(), bytes: Bytes::Mapped(bytes) }];
        Ok(Self { files, tensors, taken: BTreeSet::new(), parameters: 0 })
    }

    fn add_safetensors(&mut self, path: PathBuf) -> Result<(), ModelError> {
        let bytes = match inside::file(&path) {
            Some(bytes) => Bytes::Inside(bytes),
            None => Bytes::Mapped(Arc::new(map(&path)?)),
        };
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
            let kind = match info.dtype {
                Dtype::F32 => Kind::Plain(DType::F32),
                Dtype::F16 => Kind::Plain(DType::F16),
                Dtype::BF16 => Kind::Plain(DType::BF16),
                other => Kind::Unread(other),
            };
            let stored = Stored { file: self.files.len(), range, shape: info.shape.clone(), kind };
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

    /// Weights which are f32 once taken, and bytes of those which stay quantised.
    pub fn sizes(&self) -> (u64, u64) {
        let mut sizes = (0, 0);
        for stored in self.tensors.values() {
            match stored.kind {
                Kind::Quantised(_) => sizes.1 += stored.range.len() as u64,
                Kind::Plain(_) | Kind::Unread(_) => sizes.0 += stored.shape.iter().product::<usize>() as u64,
            }
        }
        sizes
    }

    /// Number of weights taken so far.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// The type most of the weights have in the files.
    pub fn dtype(&self) -> String {
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        for stored in self.tensors.values() {
            *sizes.entry(stored.kind.name()).or_default() += stored.range.len();
        }
        sizes.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(name, _)| name).unwrap_or_default()
    }

    /// Names of the tensors which nobody has taken.
    pub fn left_over(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str).filter(|name| !self.taken.contains(*name))
    }

    /// One tensor as f32. It must have this shape and only finite values.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let (stored, path, bytes) = self.find(name, shape)?;
        let values = match stored.kind {
            Kind::Plain(dtype) => widened(bytes, dtype)?,
            Kind::Quantised(kind) => {
                let tensor = Matrix::quantised(kind, bytes, shape)?.dense()?;
                Some(tensor.flatten_all()?.to_vec1()?).filter(|values: &Vec<f32>| values.iter().all(|x| x.is_finite()))
            }
            Kind::Unread(_) => return Err(unread(path, name, stored.kind)),
        };
        let Some(values) = values else { return Err(not_finite(path, name)) };
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
        self.tally(name, tensor.elem_count());
        Ok(tensor)
    }

    /// A matrix, or a stack of them, quantised as it is in the file, or as f32.
    pub fn take_matrix(&mut self, name: &str, shape: &[usize]) -> Result<Matrix, ModelError> {
        let (stored, path, bytes) = self.find(name, shape)?;
        let Kind::Quantised(kind) = stored.kind else { return Ok(Matrix::Dense(self.take(name, shape)?)) };
        let matrix = Matrix::quantised(kind, bytes, shape)?;
        // Scales of blocks may be NaN. A part at a time, since all at once may be eight times the size of the file.
        for part in bytes.chunks(CHECKED_BLOCKS * kind.type_size()) {
            let count = part.len() / kind.type_size() * kind.block_size();
            if !all_finite(&Matrix::quantised(kind, part, &[count])?.dense()?)? {
                return Err(not_finite(path, name));
            }
        }
        self.tally(name, shape.iter().product());
        Ok(matrix)
    }

    /// Whether the tensor, if it is there, has this shape.
    pub fn check(&self, name: &str, shape: &[usize]) -> Result<(), ModelError> {
        if self.has(name) { self.find(name, shape).map(drop) } else { Ok(()) }
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<(&Stored, &Path, &[u8]), ModelError> {
        let stored = self.tensors.get(name).ok_or_else(|| self.missing(name))?;
        let Mapped { path, bytes } = &self.files[stored.file];
        if stored.shape != shape {
            let problem = format!("has shape {:?}, and the configuration asks for {shape:?}", stored.shape);
            let hint = "Check that configuration and weights belong together";
            return Err(ModelError::Tensor { path: path.clone(), name: name.into(), problem, hint });
        }
        Ok((stored, path, &bytes[stored.range.clone()]))
    }

    fn tally(&mut self, name: &str, count: usize) {
        self.parameters += count as u64;
        self.taken.insert(name.to_owned());
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
        let hint = "Check that configuration and weights belong together";
        ModelError::Tensor { path, name: name.into(), problem: "is missing".into(), hint }
    }
}

/// SHA-256 over the bytes of the weight files, in name order, as lower-case hexadecimal digits.
pub(in crate::model) fn sha256(files: Vec<PathBuf>) -> Result<String, ModelError> {
    let mut hash = Sha256::new();
    for path in files {
        if let Some(bytes) = inside::file(&path) {
            hash.update(bytes);
            continue;
        }
        let mut file = open(&path)?;
        std::io::copy(&mut file, &mut hash).map_err(|source| ModelError::Read { path, source })?;
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn open(path: &Path) -> Result<File, ModelError> {
    File::open(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })
}

pub(in crate::model) fn map(path: &Path) -> Result<Mmap, ModelError> {
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

fn unread(path: &Path, name: &str, kind: Kind) -> ModelError {
    let problem = format!("has type {}", kind.name());
    let hint = "Only float32, float16 and bfloat16 are read; convert the weights";
    ModelError::Tensor { path: path.to_owned(), name: name.into(), problem, hint }
}

fn not_finite(path: &Path, name: &str) -> ModelError {
    let (problem, hint) = ("holds NaN or infinite values".into(), "Fetch the file again, or choose another model");
    ModelError::Tensor { path: path.to_owned(), name: name.into(), problem, hint }
}

impl Kind {
    /// As PyTorch or llama.cpp calls it.
    fn name(self) -> String {
        match self {
            Self::Plain(DType::F32) => "float32".into(),
            Self::Plain(DType::F16) => "float16".into(),
            Self::Plain(DType::BF16) => "bfloat16".into(),
            Self::Plain(other) => other.as_str().into(),
            Self::Quantised(kind) => format!("{kind:?}"),
            Self::Unread(Dtype::F64) => "float64".into(),
            Self::Unread(other) => format!("{other:?}").to_lowercase(),
        }
    }
}
