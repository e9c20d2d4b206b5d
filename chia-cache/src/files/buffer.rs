//! Room for a value that is read whole.

use std::io;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use memmap2::MmapMut;

/// From here on the allocator maps fresh pages for each value, and the page faults of 4 KiB pages cost
/// several times the reading: 64 MiB in 60 ms, on huge pages in 14 ms.
const HUGE: usize = 32 * 1024 * 1024;

/// Zeroed bytes of a fixed length.
#[derive(Debug)]
pub(crate) enum Buffer {
    Heap(Vec<u8>),
    Mapped(MmapMut),
}

impl Buffer {
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        if len < HUGE {
            return Ok(Self::Heap(vec![0; len]));
        }
        let map = MmapMut::map_anon(len)?;
        // A kernel without huge pages serves small ones.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self::Mapped(map))
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Heap(bytes) => bytes.into(),
            Self::Mapped(map) => Bytes::from_owner(map),
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}
