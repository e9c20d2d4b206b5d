//! A function of a loop: declared once, called by its token.

use std::fmt;
use std::marker::PhantomData;

use chia_dispatch::backend::TaskOptions;
use chia_dispatch::{CPU, GPU, MEMORY, Resources};

use super::body::{Body, IntoBody};
use super::worth::KeepIf;

/// A function that a loop can dispatch: its name in the rules, its parameters `A` (a tuple), its
/// result `R`, its body, and what it holds while it runs.
///
/// Declared once, usually as a `static`, and used as a typed token everywhere else. It holds one
/// `cpu` unless declared otherwise, as on Ray.
///
/// ```
/// use chia_loop::Function;
///
/// fn add(x: i64, y: i64) -> i64 {
///     x + y
/// }
///
/// /// Runs where there is an adder.
/// static ADD: Function<(i64, i64), i64> = Function::new("add", &add).resources(&[("adder", 1.0)]);
///
/// async fn fetch(url: String) -> Result<String, std::io::Error> {
///     Ok(format!("contents of {url}"))
/// }
///
/// static FETCH: Function<(String,), String> = Function::new("fetch", &fetch).cpu(0.1).retries(3);
/// ```
pub struct Function<A: 'static, R: 'static> {
    name: &'static str,
    body: Option<Body<A, R>>,
    cpu: f64,
    gpu: f64,
    memory: f64,
    resources: &'static [(&'static str, f64)],
    retries: u32,
    version: Option<&'static str>,
    parameters: &'static [&'static str],
    keep_if: Option<KeepIf<R>>,
    signature: PhantomData<fn(A) -> R>,
}

impl<A: 'static, R: 'static> Function<A, R> {
    /// A function of a name and a body: any function or non-capturing closure, sync or async,
    /// returning `R` or a `Result` of it.
    ///
    /// A synchronous body runs on a thread of its own and may block as long as it likes.
    pub const fn new<F: IntoBody<A, R, M> + Send, M: 'static>(
        name: &'static str,
        body: &'static F,
    ) -> Self {
        Self::declare(name, Some(Body::new(body)))
    }

    /// A function whose body is elsewhere: on Ray, a Python function as `module:name`. The rules know
    /// it by the name behind the colon.
    ///
    /// It is called like any other. Arguments and result travel as pickles; a result of another type
    /// than `R` is kept and passed on as it is, and a [`Decode`](crate::ErrorKind::Decode) error where
    /// it is awaited. Backends that run no other language still replace it, and refuse its body as
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    ///
    /// ```
    /// use chia_loop::Function;
    ///
    /// /// `def simulate(design, seed)` in `steps.py`.
    /// static SIMULATE: Function<(String, u64), f64> = Function::foreign("steps:simulate").cpu(2.0);
    ///
    /// assert_eq!(SIMULATE.name(), "simulate");
    /// ```
    #[must_use]
    pub const fn foreign(name: &'static str) -> Self {
        Self::declare(name, None)
    }

    const fn declare(name: &'static str, body: Option<Body<A, R>>) -> Self {
        Self {
            name,
            body,
            cpu: 1.0,
            gpu: 0.0,
            memory: 0.0,
            resources: &[],
            retries: 0,
            version: None,
            parameters: &[],
            keep_if: None,
            signature: PhantomData,
        }
    }

    /// Processors that the function holds while it runs; 1 unless set, 0 for none.
    #[must_use]
    pub const fn cpu(mut self, amount: f64) -> Self {
        self.cpu = amount;
        self
    }

    /// Accelerators that the function holds while it runs.
    #[must_use]
    pub const fn gpu(mut self, amount: f64) -> Self {
        self.gpu = amount;
        self
    }

    /// Memory that the function holds while it runs, in bytes.
    #[must_use]
    pub const fn memory(mut self, bytes: f64) -> Self {
        self.memory = bytes;
        self
    }

    /// Custom resources that the function holds while it runs, beside its `cpu`.
    #[must_use]
    pub const fn resources(mut self, amounts: &'static [(&'static str, f64)]) -> Self {
        self.resources = amounts;
        self
    }

    /// How often it is run again after the death of its process or node; 0 unless set.
    #[must_use]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The version of the body. It is recorded with each result; a result of another version is
    /// stale, or runs again where the rules check `version`.
    #[must_use]
    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = Some(version);
        self
    }

    /// The names of the parameters, in order, for messages and for `ignore:` in the rules.
    #[must_use]
    pub const fn parameters(mut self, names: &'static [&'static str]) -> Self {
        self.parameters = names;
        self
    }

    /// Says which results are worth keeping. A result that `predicate` refuses is returned but not
    /// written to the cache, and is counted as `rejected`. The predicate runs on the worker, right
    /// after the body; its panic counts as a refusal, with a warning.
    ///
    /// ```
    /// use chia_loop::Function;
    ///
    /// fn simulate(design: String) -> Option<f64> {
    ///     (!design.is_empty()).then_some(0.5)
    /// }
    ///
    /// /// Only simulations that passed are kept.
    /// static SIMULATE: Function<(String,), Option<f64>> =
    ///     Function::new("simulate", &simulate).version("2").keep_if(&|result| result.is_some());
    /// ```
    #[must_use]
    pub const fn keep_if(mut self, predicate: &'static (dyn Fn(&R) -> bool + Send + Sync)) -> Self {
        self.keep_if = Some(predicate);
        self
    }

    /// The function's name, as rules and summary show it: of a foreign function the part behind the colon.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.body {
            Some(_) => self.name,
            None => self.name.rsplit_once(':').map_or(self.name, |(_, name)| name),
        }
    }

    /// What a call of it needs, its types aside.
    pub(crate) fn callee(&self) -> Callee {
        Callee { name: self.name(), options: self.options() }
    }

    /// What identifies its results, beside the arguments.
    pub(crate) fn identity(&self) -> Identity {
        Identity { version: self.version, parameters: self.parameters }
    }

    pub(crate) fn keep_predicate(&self) -> Option<KeepIf<R>> {
        self.keep_if
    }

    /// The body, or the full name of one that is elsewhere.
    pub(crate) fn body(&self) -> Result<Body<A, R>, &'static str> {
        self.body.ok_or(self.name)
    }

    /// The options of a call that overrides none.
    #[must_use]
    pub fn options(&self) -> TaskOptions {
        let named = [(CPU, self.cpu), (GPU, self.gpu), (MEMORY, self.memory)];
        let resources: Resources =
            named.into_iter().chain(self.resources.iter().copied()).collect();
        TaskOptions { resources, retries: self.retries, ..TaskOptions::default() }
    }
}

/// What a call needs of its function.
#[derive(Clone, Debug)]
pub(crate) struct Callee {
    /// As rules and summary know it.
    pub(crate) name: &'static str,
    pub(crate) options: TaskOptions,
}

/// What identifies the results of a function, beside the arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) version: Option<&'static str>,
    pub(crate) parameters: &'static [&'static str],
}

impl<A, R> fmt::Debug for Function<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}
