//! Reading `.npz` files of vectors: a zip archive of `.npy` members. Sizes are checked before anything is allocated, so that a forged
//! archive cannot fill the memory.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use half::f16;
use zip::{CompressionMethod, ZipArchive};

use crate::bank::BankError;

/// A vector of a hundred thousand doubles is below this.
const MAX_MEMBER: u64 = 1 << 20;
/// All members of a file together.
const MAX_FILE: u64 = 4 << 30;

/// The vectors of a file by member name (without `.npy`), in the file's order.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Vec<f32>)>, BankError> {
    let broken = |why: String| BankError::Import {
        path: path.to_owned(),
        why,
        hint: "Take a complete copy of the file, or write it again with numpy.savez".to_owned(),
    };
    let file = File::open(path).map_err(|source| BankError::Read { path: path.to_owned(), why: source })?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(format!("no npz file, {error}")))?;
    let mut vectors = Vec::with_capacity(archive.len());
    let mut total = 0;
    for index in 0..archive.len() {
        // Raw, since the zip crate comes without decompressors here.
        let member = archive.by_index_raw(index).map_err(|error| broken(format!("member {index}, {error}")))?;
        let name = member.name().map_err(|error| broken(format!("name of member {index}, {error}")))?.into_owned();
        let wrong = |why: String| BankError::Member { path: path.to_owned(), member: name.clone(), why };
        total += member.size();
        if member.size() > MAX_MEMBER || total > MAX_FILE {
            return Err(wrong(format!("{} bytes are too many for a vector", member.size())));
        }
        let (size, crc) = (member.size(), member.crc32());
        let bytes = match member.compression() {
            CompressionMethod::STORE => read_exactly(member, size),
            CompressionMethod::DEFLATE => read_exactly(DeflateDecoder::new(member), size),
            other => return Err(wrong(format!("its compression {other} is not known here"))),
        };
        let bytes = bytes.map_err(|why| wrong(format!("it is cut short or damaged, {why}")))?;
        let mut found = Crc::new();
        found.update(&bytes);
        if found.sum() != crc {
            return Err(wrong("its checksum differs".to_owned()));
        }
        let vector = npy(&bytes).map_err(wrong)?;
        vectors.push((name.strip_suffix(".npy").unwrap_or(&name).to_owned(), vector));
    }
    Ok(vectors)
}

fn read_exactly(reader: impl Read, size: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(size + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(format!("{} of {size} bytes", bytes.len())) }
}

/// A one-dimensional `.npy` array of floats.
fn npy(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let (header, data) = split_header(bytes).ok_or("it is no .npy array")?;
    let kind = quoted(header, "descr").ok_or("its header has no type")?;
    let shape = shape(header).ok_or("its header has no shape")?;
    let &[length] = shape.as_slice() else {
        return Err(format!("its shape is {shape:?}, not one-dimensional"));
    };
    let (order, kind) = kind.split_at_checked(1).ok_or("its header has no type")?;
    let big_endian = order == ">";
    let values: Vec<f32> = match kind {
        "f2" => chunks::<2>(data, big_endian).map(|bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        "f4" => chunks::<4>(data, big_endian).map(f32::from_le_bytes).collect(),
        "f8" => chunks::<8>(data, big_endian).map(|bytes| f64::from_le_bytes(bytes) as f32).collect(),
        other => return Err(format!("its type is {other:?}, not f2, f4 or f8")),
    };
    let size = kind.as_bytes()[1] - b'0';
    if values.len() != length || data.len() != length * usize::from(size) {
        return Err(format!("its header says {length} values, the data has {}", values.len()));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(format!("value {index} is not a finite number")),
        None => Ok(values),
    }
}

fn split_header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = match version[0] {
        1 => {
            rest.split_at_checked(2).map(|(length, rest)| (u16::from_le_bytes([length[0], length[1]]).into(), rest))?
        }
        2 | 3 => rest
            .split_at_checked(4)
            .map(|(length, rest)| (u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize, rest))?,
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((str::from_utf8(header).ok()?, data))
}

/// The text in quotes after this key of the header, a Python dictionary.
fn quoted<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let rest = after(header, key)?.strip_prefix('\'')?;
    rest.split_once('\'').map(|(text, _)| text)
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let (numbers, _) = after(header, "shape")?.strip_prefix('(')?.split_once(')')?;
    numbers.split(',').map(str::trim).filter(|number| !number.is_empty()).map(|number| number.parse().ok()).collect()
}

fn after<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// Groups of N bytes, in little-endian order.
fn chunks<const N: usize>(data: &[u8], big_endian: bool) -> impl Iterator<Item = [u8; N]> {
    data.chunks_exact(N).map(move |chunk| {
        let at = |i: usize| chunk[if big_endian { N - 1 - i } else { i }];
        std::array::from_fn(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[track_caller]
    fn check(kind: &str, data: &[u8], expected: Result<Vec<f32>, &str>) {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (2,), }}\n");
        match (npy(&array(&header, data)), expected) {
            (Ok(values), Ok(expected)) => assert_eq!(values, expected),
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (result, expected) => panic!("{result:?} is not {expected:?}"),
        }
    }

    #[test]
    fn floats_of_every_size_and_order() {
        check("<f4", &[0, 0, 128, 63, 0, 0, 0, 192], Ok(vec![1.0, -2.0]));
        check(">f4", &[63, 128, 0, 0, 192, 0, 0, 0], Ok(vec![1.0, -2.0]));
        check("<f2", &[0, 60, 0, 192], Ok(vec![1.0, -2.0]));
        check("<f8", &[0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 192], Ok(vec![1.0, -2.0]));
    }

    #[test]
    fn other_types_and_lengths_are_errors() {
        check("<i4", &[0; 8], Err("not f2, f4 or f8"));
        check("|O", &[0; 8], Err("not f2, f4 or f8"));
        check("<f4", &[0; 4], Err("the data has 1"));
        check("<f4", &[0; 9], Err("the data has 2"));
        check("<f4", &[0, 0, 192, 127, 0, 0, 0, 0], Err("value 0 is not a finite number"));
    }

    #[test]
    fn broken_headers_are_errors() {
        for header in ["", "{}", "{'descr': '<f4'}", "{'descr': '', 'shape': (1,)}", "{'descr': '<f4', 'shape': (x,)}"]
        {
            assert!(npy(&array(header, &[0; 4])).is_err(), "{header}");
        }
        assert!(npy(b"").is_err());
        assert!(npy(b"\x93NUMPY\x01\x00\xff\xff").is_err());
        assert!(npy(&array("{'descr': '<f4', 'shape': (1, 1), }", &[0; 4])).is_err());
        assert!(npy(&array("{'descr': '<f4', 'shape': (18446744073709551615,), }", &[0; 4])).is_err());
    }
}
