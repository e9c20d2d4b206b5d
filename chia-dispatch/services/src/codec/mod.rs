//! How values become bytes, on every backend and in the store (R24).
//!
//! A value is a pickle, so that Python loops read what Rust loops wrote and the other way round.
//! Structured data goes through `serde-pickle` (protocol 3). A [`Blob`] is framed by us, in one copy
//! and with 64-bit lengths. Format: the documentation of CPython's `Lib/pickletools.py`.

mod blob;
mod canonical;
#[cfg(feature = "files")]
mod files;
mod wide;

use std::any::{Any, TypeId};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use blob::Blob;
pub use canonical::{canonical, size, to_text};

use chia_dispatch::{Error, ErrorKind, Result};

/// What can be an argument or a result: any owned data that serde can write and read.
///
/// Implemented for every such type. Use [`Blob`] for large or binary data: a `Vec<u8>` is encoded
/// as a list of numbers, element by element.
pub trait Value: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Value for T {}

/// The bytes of a value.
///
/// # Errors
/// [`ErrorKind::Encode`] for more than 4 GiB of structured data. Maps whose keys are lists or maps are
/// encoded, and read back here, but Python cannot load them.
pub fn encode<T: Value>(value: &T) -> Result<Bytes> {
    let mut out = Vec::new();
    encode_into(value, &mut out)?;
    Ok(out.into())
}

/// Appends the bytes of a value to a buffer.
///
/// # Errors
/// As [`encode`].
pub fn encode_into<T: Value>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    if let Some(blob) = (value as &dyn Any).downcast_ref::<Blob>() {
        blob.encode_into(out);
        return Ok(());
    }
    #[cfg(feature = "files")]
    if let Some(blob) = files::to_blob(value) {
        blob?.encode_into(out);
        return Ok(());
    }
    let before = out.len();
    serde_pickle::to_writer(out, value, serde_pickle::SerOptions::new()).map_err(|error| {
        let message = format!("a value of type {} cannot be encoded", std::any::type_name::<T>());
        Error::new(ErrorKind::Encode, message).with_source(error)
    })?;
    // serde-pickle writes 32-bit lengths and truncates what is larger, without a word.
    if u32::try_from(out.len() - before).is_err() {
        let message =
            "structured data over 4 GiB cannot be encoded: put the large part into a Blob";
        return Err(Error::new(ErrorKind::Encode, message));
    }
    Ok(())
}

/// The value of some bytes. A [`Blob`] shares them instead of copying.
///
/// # Errors
/// [`ErrorKind::Decode`], naming the type that was asked for: the bytes are damaged, or hold another
/// type, or a Python object that is not plain data.
pub fn decode<T: Value>(bytes: &Bytes) -> Result<T> {
    if let Some(blob) = decode_as(|| Blob::decode(bytes)) {
        return blob;
    }
    #[cfg(feature = "files")]
    if let Some(value) = files::decode(bytes) {
        return value;
    }
    serde_pickle::from_slice(bytes, serde_pickle::DeOptions::new())
        .or_else(|error| if wide::is_cure_for(&error) { wide::decode(bytes) } else { Err(error) })
        .map_err(|error| wrong_type::<T>("other data").with_source(error))
}

/// The value, if `T` is the type that `decode` gives.
fn decode_as<T: Value, S: Value>(decode: impl FnOnce() -> Result<S>) -> Option<Result<T>> {
    (TypeId::of::<T>() == TypeId::of::<S>()).then(|| {
        let boxed: Box<dyn Any> = Box::new(decode()?);
        boxed.downcast().map(|value| *value).map_err(|_| wrong_type::<T>("another type"))
    })
}

fn wrong_type<T>(found: &str) -> Error {
    let wanted = std::any::type_name::<T>();
    Error::new(ErrorKind::Decode, format!("expected a value of type {wanted}, found {found}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Measured {
        name: String,
        seconds: f64,
        counts: BTreeMap<String, u64>,
        raw: Blob,
    }

    #[test]
    fn r24_structs_come_back_as_they_went() {
        let value = Measured {
            name: "straße".into(),
            seconds: 0.1,
            counts: [("a".to_owned(), 7)].into(),
            raw: Blob::from(vec![0, 255, 10]),
        };
        assert_eq!(decode::<Measured>(&encode(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn r24_a_bytearray_of_python_is_read_as_a_blob() {
        let pickle =
            [&b"\x80\x05\x95\x0f\0\0\0\0\0\0\0\x96\x03\0\0\0\0\0\0\0"[..], b"abc\x94."].concat();
        assert_eq!(&*decode::<Blob>(&pickle.into()).unwrap(), b"abc");
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Empty,
        One(u64),
        Two(u64, Option<u64>),
        Named { digest: u64, by_digest: BTreeMap<u64, Vec<(u64, String)>> },
    }

    #[test]
    fn r24_integers_of_the_full_width_come_back() {
        let by_digest = [(u64::MAX, vec![(u64::MAX, "x".to_owned())])].into();
        let shapes = vec![
            Shape::Empty,
            Shape::One(u64::MAX),
            Shape::Two(u64::MAX, None),
            Shape::Two(1, Some(u64::MAX)),
            Shape::Named { digest: u64::MAX, by_digest },
        ];
        assert_eq!(decode::<Vec<Shape>>(&encode(&shapes).unwrap()).unwrap(), shapes);
        let error = decode::<u32>(&encode(&u64::MAX).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }

    #[test]
    fn r24_the_wrong_type_is_an_error_that_names_it() {
        let error = decode::<i64>(&encode(&"text".to_owned()).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.message().contains("i64"), "{error}");
        let error = decode::<Blob>(&encode(&1_i64).unwrap()).unwrap_err();
        assert!(error.message().contains("bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn r24_every_number_comes_back(value in any::<u64>(), signed in any::<i64>()) {
            prop_assert_eq!(decode::<(u64, i64)>(&encode(&(value, signed)).unwrap()).unwrap(), (value, signed));
        }

        #[test]
        fn r24_blobs_come_back_as_they_went(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let blob = Blob::from(bytes);
            prop_assert_eq!(decode::<Blob>(&encode(&blob).unwrap()).unwrap(), blob);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from(bytes);
            let _ = decode::<Blob>(&bytes);
            let _ = decode::<(i64, String)>(&bytes);
        }
    }
}
