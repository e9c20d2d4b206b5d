//! Files and directories as values that travel and rest.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;

use bytes::Bytes;
use serde::de::{Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contents::{Contents, Kind};
use crate::error::Result;
use crate::packed::{self, Packed};
use crate::stage::Place;

/// What an encoded [`File`] or [`Directory`] holds, read from its first bytes, or nothing if these are
/// other bytes. It is what the value says of itself.
#[must_use]
pub fn contents_of(bytes: &[u8]) -> Option<Contents> {
    packed::contents_of(bytes)
}

macro_rules! value {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Packed);

        impl $name {
            /// What is at a path now. It is hashed at once (see [`Hashes`](crate::Hashes)), and read
            /// again when its bytes are needed for the first time: it must be there until then.
            ///
            /// # Errors
            /// As [`Hashes::hash`](crate::Hashes::hash), and
            /// [`WrongKind`](crate::ErrorKind::WrongKind).
            pub fn at(path: impl AsRef<Path>) -> Result<Self> {
                Packed::at(path.as_ref(), Kind::$name).map(Self)
            }

            /// What is at a path, read and packed at once: it may be removed afterwards.
            ///
            /// # Errors
            /// As [`pack`](crate::pack()), and [`WrongKind`](crate::ErrorKind::WrongKind).
            pub fn pack(path: impl AsRef<Path>) -> Result<Self> {
                Packed::pack(path.as_ref(), Kind::$name).map(Self)
            }

            /// Its digest, size and number of entries, as the packer stated them.
            #[must_use]
            pub fn contents(&self) -> &Contents {
                &self.0.contents
            }

            /// Writes it to a path, whose directory must exist. What is there already is left as it is
            /// if it holds the same.
            ///
            /// # Errors
            /// As [`unpack`](crate::unpack()); nothing is written then. Also
            /// [`TooLarge`](crate::ErrorKind::TooLarge) if it does not fit on the disk, and
            /// [`Changed`](crate::ErrorKind::Changed) if it is to be read from a path where something
            /// else is by now.
            pub fn put_at(&self, path: impl AsRef<Path>) -> Result<()> {
                self.0.unpack(path.as_ref(), Place::New)
            }

            /// Writes it to a path and removes whatever else is there, a whole directory if need be.
            /// Nobody sees the path empty in between, or half of both, on file systems that can
            /// exchange two names.
            ///
            /// # Errors
            /// As [`put_at`](Self::put_at), but for [`Exists`](crate::ErrorKind::Exists).
            pub fn replace_at(&self, path: impl AsRef<Path>) -> Result<()> {
                self.0.unpack(path.as_ref(), Place::Replace)
            }

            /// Its encoded form: a header of 41 bytes and the archive. Packs it if it is not yet.
            ///
            /// # Errors
            /// As [`pack`](crate::pack()), and [`Changed`](crate::ErrorKind::Changed) if something
            /// else is at the path by now.
            pub fn to_bytes(&self) -> Result<Bytes> {
                self.0.bytes()
            }

            /// The value of an encoded form, which is shared and not copied. Only the header is looked
            /// at; the archive is checked when it is unpacked.
            ///
            /// # Errors
            /// [`BadArchive`](crate::ErrorKind::BadArchive) and
            /// [`WrongKind`](crate::ErrorKind::WrongKind).
            pub fn from_bytes(bytes: Bytes) -> Result<Self> {
                Packed::from_bytes(bytes, Kind::$name).map(Self)
            }
        }

        /// Equal contents are equal, wherever they are.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.contents == other.0.contents
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.contents.hash(state);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Contents { digest, bytes, .. } = self.0.contents;
                write!(f, concat!(stringify!($name), "({}, {} bytes)"), digest, bytes)
            }
        }

        /// As bytes, up to 4 GiB; those of [`to_bytes`](Self::to_bytes).
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let bytes = self.to_bytes().map_err(S::Error::custom)?;
                if u32::try_from(bytes.len()).is_err() {
                    return Err(S::Error::custom(LIMIT));
                }
                serializer.serialize_bytes(&bytes)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = deserializer.deserialize_byte_buf(BytesVisitor)?;
                Self::from_bytes(bytes.into()).map_err(D::Error::custom)
            }
        }
    };
}

value! {
    /// A file as a value: its content and its permissions, without its name.
    ///
    /// As an argument, its contents are what counts: two files are equal if they hold the same.
    /// Its encoded form travels anywhere, without a shared file system.
    ///
    /// ```
    /// use std::fs;
    /// use chia_archive::File;
    ///
    /// let dir = tempfile::tempdir()?;
    /// fs::write(dir.path().join("a.out"), "a program")?;
    /// let built = File::pack(dir.path().join("a.out"))?;
    /// built.put_at(dir.path().join("again"))?;
    /// assert_eq!(fs::read_to_string(dir.path().join("again"))?, "a program");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    File
}

value! {
    /// A directory as a value: everything below it, with permissions and symbolic links, without its
    /// name.
    ///
    /// As an argument, its contents are what counts: two directories are equal if they hold the same.
    /// Its encoded form travels anywhere, without a shared file system.
    ///
    /// ```
    /// use std::fs;
    /// use chia_archive::Directory;
    ///
    /// let dir = tempfile::tempdir()?;
    /// fs::create_dir(dir.path().join("out"))?;
    /// fs::write(dir.path().join("out/report"), "all is well")?;
    /// let out = Directory::at(dir.path().join("out"))?;
    /// out.put_at(dir.path().join("copy"))?;
    /// assert_eq!(Directory::at(dir.path().join("copy"))?, out);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Directory
}

const LIMIT: &str = "a file or directory inside other data is limited to 4 GiB packed";

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a packed file or directory")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }
}
