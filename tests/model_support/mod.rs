//! What the tests of the model share: the frozen folders, copies to break, and raw tensors of safetensors files.
// Every test file uses its own part of this, and may unwrap as tests do.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use circumplex::job::{Cancel, silent};
use circumplex::model::{Model, ModelError};
use ndarray::{Array2, Array3};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize_to_file};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// A frozen model of tests/reference.
pub fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// A model of the shared test data, which is there only on machines that have it.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/models")).join(name);
    if !path.exists() {
        println!("skipped: {name} is not there");
        return None;
    }
    Some(path)
}

pub fn open(folder: &Path) -> Result<Model, ModelError> {
    Model::open(folder, &Cancel::new(), &mut silent)
}

/// A copy which the test may change.
pub fn copy_folder(from: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in from.read_dir().unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

pub fn edit_json(path: &Path, edit: impl FnOnce(&mut Map<String, Value>)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    edit(value.as_object_mut().unwrap());
    std::fs::write(path, value.to_string()).unwrap();
}

/// A tensor as its file holds it.
#[derive(Clone)]
pub struct Raw {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Raw {
    pub fn f32(shape: Vec<usize>, values: &[f32]) -> Self {
        Self { dtype: Dtype::F32, shape, bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect() }
    }

    pub fn floats(&self) -> Vec<f32> {
        assert_eq!(self.dtype, Dtype::F32);
        self.bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    pub fn ids(&self) -> Vec<u32> {
        assert_eq!(self.dtype, Dtype::I64);
        self.bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as u32).collect()
    }

    pub fn array2(&self) -> Array2<f32> {
        Array2::from_shape_vec((self.shape[0], self.shape[1]), self.floats()).unwrap()
    }

    pub fn array3(&self) -> Array3<f32> {
        Array3::from_shape_vec((self.shape[0], self.shape[1], self.shape[2]), self.floats()).unwrap()
    }

    /// In 16 bits, cut off rather than rounded, and with weights below f16's normal range as 0.
    pub fn narrowed(&self, dtype: Dtype) -> Self {
        let narrow = |x: f32| {
            let bits = x.to_bits();
            match dtype {
                Dtype::BF16 => (bits >> 16) as u16,
                _ if x.abs() < 6.2e-5 => 0,
                _ => ((bits >> 16) & 0x8000 | ((bits >> 13) & 0x3_ffff).wrapping_sub(112 << 10) & 0x7fff) as u16,
            }
        };
        let bytes = self.floats().into_iter().flat_map(|x| narrow(x).to_le_bytes()).collect();
        Self { dtype, shape: self.shape.clone(), bytes }
    }

    /// Back in f32, without the program's own conversion.
    pub fn widened(&self) -> Self {
        let widen = |bytes: [u8; 2]| {
            let bits = u32::from(u16::from_le_bytes(bytes));
            match (self.dtype, bits & 0x7fff) {
                (Dtype::BF16, _) => f32::from_bits(bits << 16),
                (_, 0) => 0.0,
                (_, rest) => f32::from_bits((bits & 0x8000) << 16 | (rest + (112 << 10)) << 13),
            }
        };
        let values: Vec<f32> = self.bytes.chunks_exact(2).map(|b| widen(b.try_into().unwrap())).collect();
        Self::f32(self.shape.clone(), &values)
    }
}

pub fn read_tensors(path: &Path) -> BTreeMap<String, Raw> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let raw = |view: TensorView| Raw { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() };
    file.tensors().into_iter().map(|(name, view)| (name, raw(view))).collect()
}

pub fn save_tensors<'a>(path: &Path, tensors: impl IntoIterator<Item = (&'a String, &'a Raw)>) {
    let views = tensors
        .into_iter()
        .map(|(name, raw)| (name, TensorView::new(raw.dtype, raw.shape.clone(), &raw.bytes).unwrap()));
    serialize_to_file(views, None::<HashMap<String, String>>, path).unwrap();
}
