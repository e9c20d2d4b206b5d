//! Files and directories: framed as a [`Blob`], so of any size and without a second copy.

use std::any::Any;

use bytes::Bytes;
use chia_archive::{Contents, Directory, File, contents_of};
use chia_dispatch::{Error, ErrorKind, Result};

use super::{Blob, Value, blob, decode_as};

/// The bytes of a file or a directory, or nothing for another value.
pub(super) fn to_blob(value: &dyn Any) -> Option<Result<Blob>> {
    let file = value.downcast_ref::<File>().map(File::to_bytes);
    let bytes = file.or_else(|| value.downcast_ref::<Directory>().map(Directory::to_bytes))?;
    Some(bytes.map(Blob::from).map_err(|error| failed(ErrorKind::Encode, error)))
}

/// The file or directory of some bytes, or nothing if another type is asked for.
pub(super) fn decode<T: Value>(bytes: &Bytes) -> Option<Result<T>> {
    let failed = |error| failed(ErrorKind::Decode, error);
    let blob = || Blob::decode(bytes).map(Blob::into_bytes);
    decode_as(|| blob().and_then(|bytes| File::from_bytes(bytes).map_err(failed)))
        .or_else(|| decode_as(|| blob().and_then(|b| Directory::from_bytes(b).map_err(failed))))
}

/// What an encoded file or directory holds, as its value states it; nothing for other bytes.
pub(super) fn contents(encoded: &[u8]) -> Option<Contents> {
    contents_of(blob::payload(encoded)?)
}

fn failed(kind: ErrorKind, error: chia_archive::Error) -> Error {
    Error::new(kind, error.to_string()).with_source(error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{decode, encode};
    use super::*;

    #[test]
    fn r24_files_and_directories_come_back() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "content").unwrap();
        let file = File::pack(dir.path().join("a")).unwrap();
        let directory = Directory::pack(dir.path()).unwrap();
        let encoded = encode(&file).unwrap();
        assert_eq!(decode::<File>(&encoded).unwrap(), file);
        assert_eq!(contents(&encoded), Some(*file.contents()));
        assert_eq!(decode::<Directory>(&encode(&directory).unwrap()).unwrap(), directory);
        // Within other data they are bytes as well.
        let pair = (file.clone(), 7_u64);
        assert_eq!(decode::<(File, u64)>(&encode(&pair).unwrap()).unwrap(), pair);
        assert_eq!(contents(&encode(&7_u64).unwrap()), None);
    }

    #[test]
    fn r24_what_is_no_file_is_an_error_that_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let directory = encode(&Directory::pack(dir.path()).unwrap()).unwrap();
        let error = decode::<File>(&directory).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.message().contains("a directory, not a file"), "{error}");
        let error = decode::<File>(&encode(&1_u64).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        let missing = dir.path().join("a");
        fs::write(&missing, "x").unwrap();
        let file = File::at(&missing).unwrap();
        fs::remove_file(&missing).unwrap();
        assert_eq!(encode(&file).unwrap_err().kind(), ErrorKind::Encode);
    }
}
