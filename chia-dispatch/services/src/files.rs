//! The file server: recorded files, read on the driver's node for workers anywhere (R7).

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chia_dispatch::backend::{
    ActorCall, ActorRef, ActorSpec, Backend, Concurrency, Lifetime, Placement, TaskOptions,
};
use chia_dispatch::{Actor, Error, ErrorKind, Result, TaskContext};
use serde::{Deserialize, Serialize};

use super::{blocking, unknown_method};
use crate::message::{pack, unpack};

/// The kind of actor that serves files.
pub const FILES_KIND: &str = "chia.files";

/// Files that the server reads at once.
const CONCURRENCY: u32 = 8;

/// What a file server may serve, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesInit {
    /// Absolute paths on the driver's node.
    pub allowed: BTreeSet<PathBuf>,
}

impl FilesInit {
    /// What was packed for [`open_files`].
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it cannot be read.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self> {
        unpack(bytes).map(|(init, _)| init)
    }
}

/// What a file server did so far, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileServerStats {
    /// Files that were read.
    pub served: u64,
    /// Requests for files that are not allowed.
    pub refused: u64,
    /// The process of the server.
    pub pid: u32,
    /// The node of the server.
    pub node: String,
}

/// Opens a file server from a packed [`FilesInit`].
///
/// # Errors
/// [`ErrorKind::Protocol`] when that cannot be read.
pub fn open_files(init: Bytes, context: TaskContext) -> Result<Box<dyn Actor>> {
    Ok(serve_files(FilesInit::from_bytes(&init)?, &context.place().node))
}

/// Serves files on a node, for hosts that make no context.
#[must_use]
pub fn serve_files(init: FilesInit, node: &str) -> Box<dyn Actor> {
    let (served, refused) = Default::default();
    Box::new(FileServer { allowed: init.allowed, node: node.to_owned(), served, refused })
}

struct FileServer {
    allowed: BTreeSet<PathBuf>,
    node: String,
    served: AtomicU64,
    refused: AtomicU64,
}

impl FileServer {
    async fn read(&self, path: PathBuf) -> Result<Vec<u8>> {
        if !self.allowed.contains(&path) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let message = format!("the file {} is not served: no rule names it", path.display());
            return Err(Error::new(ErrorKind::DataFile, message));
        }
        let contents = blocking(move || {
            std::fs::read(&path).map_err(|error| {
                let message = format!("the file {} cannot be read", path.display());
                Error::new(ErrorKind::DataFile, message).with_source(error)
            })
        });
        let contents = contents.await?;
        self.served.fetch_add(1, Ordering::Relaxed);
        Ok(contents)
    }
}

#[async_trait]
impl Actor for FileServer {
    async fn call(&self, method: &str, payload: Bytes, _args: Vec<Bytes>) -> Result<Bytes> {
        match method {
            "bytes" => Ok(self.read(unpack(&payload)?.0).await?.into()),
            "exists" => {
                let (path, _): (PathBuf, _) = unpack(&payload)?;
                pack(&(self.allowed.contains(&path) && path.is_file()), &[])
            }
            "stats" => {
                let stats = FileServerStats {
                    served: self.served.load(Ordering::Relaxed),
                    refused: self.refused.load(Ordering::Relaxed),
                    pid: std::process::id(),
                    node: self.node.clone(),
                };
                pack(&stats, &[])
            }
            _ => Err(unknown_method("file server", method)),
        }
    }
}

/// The recorded files of a loop, as a task, a provider or a condition sees them.
#[derive(Clone)]
pub struct FileClient {
    backend: Arc<dyn Backend>,
    name: Arc<str>,
}

impl FileClient {
    /// Starts a file server on the driver's node. It ends with the returned reference.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn start(backend: &dyn Backend, name: &str, init: &FilesInit) -> Result<ActorRef> {
        let spec = ActorSpec {
            name: Some(name.to_owned()),
            kind: FILES_KIND.to_owned(),
            init: pack(init, &[])?,
            concurrency: Concurrency::Concurrent(CONCURRENCY),
            lifetime: Lifetime::Driver,
            restarts: u32::MAX,
            options: TaskOptions {
                name: FILES_KIND.to_owned(),
                placement: Placement::Driver,
                ..TaskOptions::default()
            },
        };
        backend.actor(spec).await
    }

    /// The file server of this name, whether or not it is alive now.
    #[must_use]
    pub fn reach(backend: Arc<dyn Backend>, name: &str) -> Self {
        Self { backend, name: name.into() }
    }

    /// The contents of a file that the rules name.
    ///
    /// # Errors
    /// [`ErrorKind::DataFile`], naming the file: it is missing, unreadable, or not named by the rules.
    pub async fn bytes(&self, path: &Path) -> Result<Bytes> {
        self.call("bytes", pack(&path, &[])?).await
    }

    /// The contents of a file that the rules name, as text.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and when the file is not UTF-8.
    pub async fn text(&self, path: &Path) -> Result<String> {
        let bytes = self.bytes(path).await?;
        String::from_utf8(bytes.into()).map_err(|error| {
            let message = format!("the file {} is not UTF-8 text", path.display());
            Error::new(ErrorKind::DataFile, message).with_source(error.utf8_error())
        })
    }

    /// Whether a file that the rules name is there.
    ///
    /// # Errors
    /// A file server that does not answer.
    pub async fn exists(&self, path: &Path) -> Result<bool> {
        Ok(unpack(&self.call("exists", pack(&path, &[])?).await?)?.0)
    }

    /// What the server did so far, and where it runs.
    ///
    /// # Errors
    /// A file server that does not answer.
    pub async fn stats(&self) -> Result<FileServerStats> {
        Ok(unpack(&self.call("stats", Bytes::new()).await?)?.0)
    }

    async fn call(&self, method: &str, payload: Bytes) -> Result<Bytes> {
        let actor = self.backend.find_actor(&self.name).await?.ok_or_else(|| {
            let message = "the file server of this loop is gone: has its driver ended?";
            Error::new(ErrorKind::DataFile, message)
        })?;
        let call = ActorCall { method: method.to_owned(), payload, args: Vec::new() };
        let answer = self.backend.call_actor(&actor, call).await?;
        self.backend.get(&answer).await
    }
}

impl fmt::Debug for FileClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileClient({})", self.name)
    }
}
