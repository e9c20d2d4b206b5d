//! A method of an actor: declared once, called by its token.

use std::any::{Any, TypeId};
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use chia_dispatch::Result;
use chia_services::codec::{self, Value};

use super::args::Arguments;
use super::body::{BoxError, Fallible, Plain};
use crate::chia::failed;

/// A method of the actors of type `T`: its name, its parameters `A` (a tuple) and its result `R`.
///
/// Declared once, usually as a `static`, listed by the [`ActorKind`](super::ActorKind), and used as a
/// typed token everywhere else.
pub struct Method<T: 'static, A: 'static, R: 'static> {
    name: &'static str,
    body: &'static (dyn Any + Send + Sync),
    invoke: Invoke<T, A, R>,
    signature: PhantomData<fn(A) -> R>,
}

type Invoke<T, A, R> =
    fn(&'static (dyn Any + Send + Sync), &mut T, A) -> Option<Result<R, BoxError>>;

impl<T, A, R> Method<T, A, R> {
    /// A method of a name and a body: a synchronous function or non-capturing closure of `&mut T` or
    /// `&T` and the parameters, returning `R` or a `Result` of it. It may block.
    pub const fn new<F: IntoMethod<T, A, R, M> + Send, M: 'static>(
        name: &'static str,
        body: &'static F,
    ) -> Self {
        Self { name, body, invoke: invoke::<F, T, A, R, M>, signature: PhantomData }
    }

    /// The method's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

fn invoke<F: IntoMethod<T, A, R, M>, T, A, R, M>(
    body: &'static (dyn Any + Send + Sync),
    actor: &mut T,
    args: A,
) -> Option<Result<R, BoxError>> {
    body.downcast_ref::<F>().map(|body| body.invoke(actor, args))
}

/// A method of the actors of type `T`, of any parameters and result. [`Method`] alone is one.
pub trait AnyMethod<T>: sealed::Sealed + Sync + 'static {
    /// The method's name.
    fn name(&self) -> &'static str;

    /// Tells the types of the method apart from those of another one.
    #[doc(hidden)]
    fn types(&self) -> TypeId;

    /// Calls the method with encoded arguments; its result is encoded.
    #[doc(hidden)]
    fn call(&self, actor: &mut T, args: &[Bytes]) -> Result<Bytes>;
}

mod sealed {
    pub trait Sealed {}
    impl<T, A, R> Sealed for super::Method<T, A, R> {}
}

impl<T: 'static, A: Arguments, R: Value> AnyMethod<T> for Method<T, A, R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn types(&self) -> TypeId {
        TypeId::of::<Self>()
    }

    fn call(&self, actor: &mut T, args: &[Bytes]) -> Result<Bytes> {
        let result = (self.invoke)(self.body, actor, A::decode(args)?);
        let result = result.expect("`invoke` was made for the type of `body`");
        codec::encode(&result.map_err(failed)?)
    }
}

impl<T, A, R> fmt::Debug for Method<T, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({})", self.name)
    }
}

/// What can be the body of a method of actors of type `T`, with parameters `A` and result `R`. `M` says
/// which kind of body it is and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a method of `{T}` with parameters `{A}` and result `{R}`",
    label = "not a method of `{T}`",
    note = "a method is a synchronous function, or a closure that captures nothing, of `&mut {T}` \
            or `&{T}` and just these parameters",
    note = "it returns `{R}` or a `Result` of it; the error converts into \
            `Box<dyn std::error::Error + Send + Sync>`"
)]
pub trait IntoMethod<T, A, R, M>: Sync + 'static {
    /// Runs the method.
    ///
    /// # Errors
    /// Those of the body.
    fn invoke(&self, actor: &mut T, args: A) -> Result<R, BoxError>;
}

/// Marks a method that takes `&T`.
pub struct ByRef<M>(PhantomData<M>);

macro_rules! methods {
    ($($arg:ident $at:ident),*) => {
        methods!(Plain, [], &mut Act, Out, |result| Ok(result); $($arg $at),*);
        methods!(ByRef<Plain>, [], &Act, Out, |result| Ok(result); $($arg $at),*);
        methods!(
            Fallible<Err>, [Err], &mut Act, Result<Out, Err>,
            |result| result.map_err(Into::into); $($arg $at),*
        );
        methods!(
            ByRef<Fallible<Err>>, [Err], &Act, Result<Out, Err>,
            |result| result.map_err(Into::into); $($arg $at),*
        );
    };
    (
        $marker:ty, [$($err:ident)?], $receiver:ty, $output:ty, |$result:ident| $convert:expr;
        $($arg:ident $at:ident),*
    ) => {
        impl<Fun, Act, Out, $($err,)? $($arg),*> IntoMethod<Act, ($($arg,)*), Out, $marker> for Fun
        where
            Fun: Fn($receiver, $($arg),*) -> $output + Sync + 'static,
            $($err: Into<BoxError>,)?
        {
            fn invoke(&self, actor: &mut Act, ($($at,)*): ($($arg,)*)) -> Result<Out, BoxError> {
                let $result = self(actor, $($at),*);
                $convert
            }
        }
    };
}

methods!();
methods!(A a);
methods!(A a, B b);
methods!(A a, B b, C c);
methods!(A a, B b, C c, D d);
methods!(A a, B b, C c, D d, E e);
methods!(A a, B b, C c, D d, E e, F f);
