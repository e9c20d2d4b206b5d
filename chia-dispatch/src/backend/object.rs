//! References to results.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The number of an object, unique within the backend instance that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u64);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {}", self.0)
    }
}

/// A counted reference to an object that is there or will be.
///
/// A backend keeps what it needs inside (a shared cell, a remote name); that value is dropped with
/// the last clone, which is how the backend learns that the object may go.
#[derive(Clone)]
pub struct ObjectRef {
    id: ObjectId,
    inner: Arc<dyn Any + Send + Sync>,
}

impl ObjectRef {
    /// A reference that holds `inner`, called by backends alone.
    pub fn new<T: Any + Send + Sync>(id: ObjectId, inner: Arc<T>) -> Self {
        Self { id, inner }
    }

    /// The object's number.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.id
    }

    /// What the backend keeps inside; `None` when another backend made this reference.
    #[must_use]
    pub fn inner<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.inner.downcast_ref()
    }

    /// As [`inner`](Self::inner), shared.
    #[must_use]
    pub fn inner_arc<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.inner).downcast().ok()
    }
}

impl fmt::Debug for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectRef({})", self.id.0)
    }
}
