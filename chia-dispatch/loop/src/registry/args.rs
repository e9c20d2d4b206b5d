//! Arguments: typed where a loop is written, bytes and references where they travel.

use bytes::Bytes;
use chia_dispatch::backend::ObjectRef;
use chia_dispatch::{Error, ErrorKind, Result};
use chia_services::codec::{self, Value};

/// One argument of a call under way.
#[derive(Clone, Debug)]
pub enum Slot {
    /// An encoded value.
    Value(Bytes),
    /// The result of another call, there or not.
    Object(ObjectRef),
}

/// What a condition sees of an argument: the value, or that it is a result yet to come (R5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<T> {
    /// The value that was passed.
    Value(T),
    /// Another call's result; it is never awaited for a condition.
    Pending,
}

impl<T> Shown<T> {
    /// The value, unless it is pending.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Pending => None,
        }
    }
}

/// What may stand for a parameter of type `T`: a value, or the [`Handle`](crate::Handle) of a call that returns one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed for a parameter of type `{T}`",
    label = "expected `{T}`",
    note = "pass a value, a reference to one, or the `Handle` of a call that returns `{T}`"
)]
pub trait IntoArg<T> {
    /// The argument as it travels.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] for a value that has no bytes.
    fn into_slot(self) -> Result<Slot>;
}

impl<T: Value> IntoArg<T> for T {
    fn into_slot(self) -> Result<Slot> {
        codec::encode(&self).map(Slot::Value)
    }
}

/// Encodes what it points to: the caller keeps the value.
impl<T: Value> IntoArg<T> for &T {
    fn into_slot(self) -> Result<Slot> {
        codec::encode(self).map(Slot::Value)
    }
}

impl IntoArg<String> for &str {
    fn into_slot(self) -> Result<Slot> {
        self.to_owned().into_slot()
    }
}

/// The parameters of a function, as a tuple: `()`, `(A,)`, … up to twelve.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the parameters of a function",
    label = "not a tuple of values that can travel",
    note = "parameters are a tuple of up to twelve types that serde can write and read; a single \
            one is written `(T,)`"
)]
pub trait Arguments: Sized + Send + 'static {
    /// How many parameters there are.
    const COUNT: usize;

    /// The same parameters as a condition sees them.
    type Shown: Send + 'static;

    /// The typed arguments.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when number or types differ.
    fn decode(encoded: &[Bytes]) -> Result<Self>;

    /// The arguments as a condition sees them.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    fn show(slots: &[Slot]) -> Result<Self::Shown>;
}

/// What may be passed for the parameters `A`: a tuple of values and handles.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of arguments for the parameters `{A}`",
    label = "expected arguments for `{A}`",
    note = "arguments are passed as a tuple; a single one is written `(value,)`"
)]
pub trait IntoArguments<A> {
    /// The arguments as they travel.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] for a value that has no bytes.
    fn into_slots(self) -> Result<Vec<Slot>>;
}

fn show<T: Value>(slot: &Slot) -> Result<Shown<T>> {
    match slot {
        Slot::Value(bytes) => codec::decode(bytes).map(Shown::Value),
        Slot::Object(_) => Ok(Shown::Pending),
    }
}

fn wrong_number(wanted: usize, found: usize) -> Error {
    let message = format!("the function takes {wanted} arguments, {found} were passed");
    Error::new(ErrorKind::Decode, message)
}

macro_rules! tuples {
    ($count:literal: $($arg:ident $given:ident $at:ident),*) => {
        impl<$($arg: Value),*> Arguments for ($($arg,)*) {
            const COUNT: usize = $count;

            type Shown = ($(Shown<$arg>,)*);

            fn decode(encoded: &[Bytes]) -> Result<Self> {
                let [$($at),*] = encoded else { return Err(wrong_number($count, encoded.len())) };
                Ok(($(codec::decode($at)?,)*))
            }

            fn show(slots: &[Slot]) -> Result<Self::Shown> {
                let [$($at),*] = slots else { return Err(wrong_number($count, slots.len())) };
                Ok(($(show($at)?,)*))
            }
        }

        impl<$($arg, $given: IntoArg<$arg>),*> IntoArguments<($($arg,)*)> for ($($given,)*) {
            fn into_slots(self) -> Result<Vec<Slot>> {
                let ($($at,)*) = self;
                Ok(vec![$($at.into_slot()?),*])
            }
        }
    };
}

tuples!(0:);
tuples!(1: A GA a);
tuples!(2: A GA a, B GB b);
tuples!(3: A GA a, B GB b, C GC c);
tuples!(4: A GA a, B GB b, C GC c, D GD d);
tuples!(5: A GA a, B GB b, C GC c, D GD d, E GE e);
tuples!(6: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f);
tuples!(7: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f, G GG g);
tuples!(8: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f, G GG g, H GH h);
tuples!(9: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f, G GG g, H GH h, I GI i);
tuples!(10: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f, G GG g, H GH h, I GI i, J GJ j);
tuples!(11: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f, G GG g, H GH h, I GI i, J GJ j, K GK k);
tuples!(12: A GA a, B GB b, C GC c, D GD d, E GE e, F GF f, G GG g, H GH h, I GI i, J GJ j, K GK k, L GL l);
