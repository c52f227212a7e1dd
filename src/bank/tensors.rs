//! Safetensors as this program writes them: always the same bytes for the same content (the safetensors crate orders metadata at
//! random), and never half a file under the final name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ndarray::{Array, Dimension};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use super::BankError;
use crate::is_inside;

/// The bank of the model inside, which is opened under the name [`INSIDE`].
const BANK_INSIDE: &[u8] = include_bytes!("../../vectors/inside.safetensors");

/// Longest header read, as in the safetensors crate.
const MAX_HEADER: u64 = 100_000_000;

/// One tensor to write.
pub(super) struct Tensor<'a> {
    name: String,
    shape: Vec<usize>,
    values: Values<'a>,
}

enum Values<'a> {
    F32(Cow<'a, [f32]>),
    F64(Cow<'a, [f64]>),
}

impl<'a> Tensor<'a> {
    pub(super) fn f32<D: Dimension>(name: impl Into<String>, array: &'a Array<f32, D>) -> Self {
        Self { name: name.into(), shape: array.shape().to_vec(), values: Values::F32(in_order(array)) }
    }

    pub(super) fn f64<D: Dimension>(name: impl Into<String>, array: &'a Array<f64, D>) -> Self {
        Self { name: name.into(), shape: array.shape().to_vec(), values: Values::F64(in_order(array)) }
    }

    fn dtype(&self) -> (&'static str, usize) {
        match self.values {
            Values::F32(_) => ("F32", 4),
            Values::F64(_) => ("F64", 8),
        }
    }

    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        match &self.values {
            Values::F32(values) => values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes())),
            Values::F64(values) => values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes())),
        }
    }
}

/// The values, last axis fastest.
fn in_order<T: Clone, D: Dimension>(array: &Array<T, D>) -> Cow<'_, [T]> {
    array.as_slice().map_or_else(|| array.iter().cloned().collect(), Cow::Borrowed)
}

/// Writes the file under a temporary name beside `path`, then renames it.
pub(super) fn write(path: &Path, tensors: &[Tensor<'_>], metadata: &BTreeMap<String, String>) -> Result<(), BankError> {
    let temporary = beside(path, ".tmp");
    write_file(&temporary, tensors, metadata).and_then(|()| fs::rename(&temporary, path)).map_err(|source| {
        // The half-written file is of no use; that it stays is no further failure.
        let _ = fs::remove_file(&temporary);
        BankError::Write { path: path.to_owned(), why: source }
    })
}

/// `path` with something added to its file name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn write_file(path: &Path, tensors: &[Tensor<'_>], metadata: &BTreeMap<String, String>) -> io::Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!(metadata));
    let mut start = 0;
    for tensor in tensors {
        let (dtype, size) = tensor.dtype();
        let end = start + size * tensor.shape.iter().product::<usize>();
        let entry = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": [start, end]});
        header.insert(tensor.name.clone(), entry);
        start = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');

    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors {
        tensor.write(&mut file)?;
    }
    file.into_inner().map_err(|error| error.into_error())?.sync_all()
}

/// A safetensors file in memory, with its metadata.
pub(super) struct Loaded {
    path: PathBuf,
    bytes: Vec<u8>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Reads the file if `accept` likes its metadata; the tensors of a file of another kind, which may be huge, are not read.
pub(super) fn read(
    path: &Path,
    accept: impl FnOnce(&BTreeMap<String, String>) -> Result<(), BankError>,
) -> Result<Loaded, BankError> {
    let unreadable = |source| BankError::Read { path: path.to_owned(), why: source };
    let damaged = |why: &str| BankError::Damaged { path: path.to_owned(), why: why.to_owned() };

    let (mut file, length) = open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let file = &mut file;
    file.take(8).read_to_end(&mut bytes).map_err(unreadable)?;
    let prefix: [u8; 8] = bytes.as_slice().try_into().map_err(|_| damaged("shorter than 8 bytes"))?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MAX_HEADER || header_length > length.saturating_sub(8) {
        return Err(damaged("the header is longer than the file"));
    }
    file.take(header_length).read_to_end(&mut bytes).map_err(unreadable)?;
    let header: Map<String, Value> =
        serde_json::from_slice(&bytes[8..]).map_err(|error| damaged(&format!("the header is no JSON: {error}")))?;
    let metadata = match header.get("__metadata__") {
        None => BTreeMap::new(),
        Some(metadata) => {
            serde_json::from_value(metadata.clone()).map_err(|_| damaged("`__metadata__` is not a table of strings"))?
        }
    };
    accept(&metadata)?;

    file.read_to_end(&mut bytes).map_err(unreadable)?;
    SafeTensors::deserialize(&bytes).map_err(|error| damaged(&error.to_string()))?;
    Ok(Loaded { path: path.to_owned(), bytes, metadata })
}

/// A file, or the bank inside, and its length in bytes.
fn open(path: &Path) -> io::Result<(Box<dyn Read>, u64)> {
    if is_inside(path) {
        return Ok((Box::new(BANK_INSIDE), BANK_INSIDE.len() as u64));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((Box::new(file), length))
}

impl Loaded {
    /// The f32 tensor of this name; it must have this shape and be finite. `None` when the file does not have it.
    pub(super) fn f32<D: Dimension>(&self, name: &str, shape: D) -> Result<Option<Array<f32, D>>, BankError> {
        let Some(bytes) = self.bytes_of(name, Dtype::F32, shape.slice())? else { return Ok(None) };
        let values = bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
        self.array(name, shape, values.collect(), |value| value.is_finite()).map(Some)
    }

    /// The f64 tensor of this name; as [`Loaded::f32`].
    pub(super) fn f64<D: Dimension>(&self, name: &str, shape: D) -> Result<Option<Array<f64, D>>, BankError> {
        let Some(bytes) = self.bytes_of(name, Dtype::F64, shape.slice())? else { return Ok(None) };
        let values = bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(std::array::from_fn(|i| chunk[i])));
        self.array(name, shape, values.collect(), |value| value.is_finite()).map(Some)
    }

    /// Shape of a tensor as the file has it.
    pub(super) fn shape(&self, name: &str) -> Result<Option<Vec<usize>>, BankError> {
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|error| self.damaged(&error.to_string()))?;
        Ok(tensors.tensor(name).ok().map(|tensor| tensor.shape().to_vec()))
    }

    pub(super) fn bad_tensor(&self, name: &str, why: impl Into<String>) -> BankError {
        BankError::BadTensor { path: self.path.clone(), tensor: name.to_owned(), why: why.into() }
    }

    fn bytes_of(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Option<&[u8]>, BankError> {
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(|error| self.damaged(&error.to_string()))?;
        let Ok(tensor) = tensors.tensor(name) else { return Ok(None) };
        if tensor.dtype() != dtype {
            return Err(self.bad_tensor(name, format!("its type is {}, not {dtype}", tensor.dtype())));
        }
        if tensor.shape() != shape {
            return Err(self.bad_tensor(name, format!("its shape is {:?}, not {shape:?}", tensor.shape())));
        }
        Ok(Some(tensor.data()))
    }

    fn array<T, D: Dimension>(
        &self,
        name: &str,
        shape: D,
        values: Vec<T>,
        finite: impl Fn(&T) -> bool,
    ) -> Result<Array<T, D>, BankError> {
        if let Some(index) = values.iter().position(|value| !finite(value)) {
            return Err(self.bad_tensor(name, format!("value {index} is not a finite number")));
        }
        Array::from_shape_vec(shape, values).map_err(|error| self.bad_tensor(name, error.to_string()))
    }

    fn damaged(&self, why: &str) -> BankError {
        BankError::Damaged { path: self.path.clone(), why: why.to_owned() }
    }
}
