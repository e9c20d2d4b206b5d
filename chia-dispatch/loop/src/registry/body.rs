//! Bodies: sync or async, plain or fallible, of up to twelve arguments, behind one erased type.

use std::any::Any;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// A body that was given its arguments, ready to run.
pub enum Invocation<R> {
    /// A synchronous body; it runs on a thread where it may block.
    Blocking(Box<dyn FnOnce() -> Result<R, BoxError> + Send>),
    /// An asynchronous body.
    Async(Pin<Box<dyn Future<Output = Result<R, BoxError>> + Send>>),
}

/// What can be the body of a function with parameters `A` and result `R`: a function or a closure
/// that captures nothing, sync or async, returning `R` or a `Result` of it. `M` tells the compiler
/// which of these it is and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the body of a function with parameters `{A}` and result `{R}`",
    label = "not a body for `{A}` -> `{R}`",
    note = "a body is a function, or a closure that captures nothing, of just these parameters",
    note = "it returns `{R}` or a `Result` of it; the error converts into \
            `Box<dyn std::error::Error + Send + Sync>`",
    note = "the future of an asynchronous body is `Send`"
)]
pub trait IntoBody<A, R, M>: Sync + 'static {
    /// The body with its arguments.
    fn invoke(&'static self, args: A) -> Invocation<R>;
}

/// Marks a body that returns its result.
pub struct Plain;
/// Marks a body that returns a `Result`.
pub struct Fallible<E>(std::marker::PhantomData<E>);
/// Marks an asynchronous body.
pub struct Async<F, M>(std::marker::PhantomData<(F, M)>);

/// A body whose own type is forgotten; its parameters and result are not.
pub(crate) struct Body<A: 'static, R: 'static> {
    body: &'static (dyn Any + Send + Sync),
    invoke: fn(&'static (dyn Any + Send + Sync), A) -> Option<Invocation<R>>,
}

impl<A, R> Body<A, R> {
    pub(crate) const fn new<F: IntoBody<A, R, M> + Send, M: 'static>(body: &'static F) -> Self {
        Self { body, invoke: invoke::<F, A, R, M> }
    }

    pub(crate) fn call(self, args: A) -> Invocation<R> {
        (self.invoke)(self.body, args).expect("`invoke` was made for the type of `body`")
    }
}

impl<A, R> Clone for Body<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for Body<A, R> {}

fn invoke<F: IntoBody<A, R, M>, A, R, M>(
    body: &'static (dyn Any + Send + Sync),
    args: A,
) -> Option<Invocation<R>> {
    body.downcast_ref::<F>().map(|body| body.invoke(args))
}

macro_rules! bodies {
    ($($arg:ident $at:ident),*) => {
        impl<Fun, Out, $($arg),*> IntoBody<($($arg,)*), Out, Plain> for Fun
        where
            Fun: Fn($($arg),*) -> Out + Sync + 'static,
            $($arg: Send + 'static,)*
        {
            fn invoke(&'static self, ($($at,)*): ($($arg,)*)) -> Invocation<Out> {
                Invocation::Blocking(Box::new(move || Ok(self($($at),*))))
            }
        }

        impl<Fun, Out, Err, $($arg),*> IntoBody<($($arg,)*), Out, Fallible<Err>> for Fun
        where
            Fun: Fn($($arg),*) -> Result<Out, Err> + Sync + 'static,
            Err: Into<BoxError>,
            $($arg: Send + 'static,)*
        {
            fn invoke(&'static self, ($($at,)*): ($($arg,)*)) -> Invocation<Out> {
                Invocation::Blocking(Box::new(move || self($($at),*).map_err(Into::into)))
            }
        }

        impl<Fun, Fut, Out, $($arg),*> IntoBody<($($arg,)*), Out, Async<Fut, Plain>> for Fun
        where
            Fun: Fn($($arg),*) -> Fut + Sync + 'static,
            Fut: Future<Output = Out> + Send + 'static,
        {
            fn invoke(&'static self, ($($at,)*): ($($arg,)*)) -> Invocation<Out> {
                let running = self($($at),*);
                Invocation::Async(Box::pin(async move { Ok(running.await) }))
            }
        }

        impl<Fun, Fut, Out, Err, $($arg),*> IntoBody<($($arg,)*), Out, Async<Fut, Fallible<Err>>> for Fun
        where
            Fun: Fn($($arg),*) -> Fut + Sync + 'static,
            Fut: Future<Output = Result<Out, Err>> + Send + 'static,
            Err: Into<BoxError>,
        {
            fn invoke(&'static self, ($($at,)*): ($($arg,)*)) -> Invocation<Out> {
                let running = self($($at),*);
                Invocation::Async(Box::pin(async move { running.await.map_err(Into::into) }))
            }
        }
    };
}

bodies!();
bodies!(A a);
bodies!(A a, B b);
bodies!(A a, B b, C c);
bodies!(A a, B b, C c, D d);
bodies!(A a, B b, C c, D d, E e);
bodies!(A a, B b, C c, D d, E e, F f);
bodies!(A a, B b, C c, D d, E e, F f, G g);
bodies!(A a, B b, C c, D d, E e, F f, G g, H h);
bodies!(A a, B b, C c, D d, E e, F f, G g, H h, I i);
bodies!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j);
bodies!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k);
bodies!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l);
