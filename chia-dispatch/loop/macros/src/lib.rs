#![doc = include_str!("../README.md")]

mod declare;
mod options;
mod signature;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use declare::Kind;

/// Declares a function that loops can dispatch.
///
/// The attribute stands on a plain function: sync or async, returning its result or a `Result` of it. It
/// declares a token, a `static` named as the function in upper case, and registers it:
/// `Registry::collect` has it, in the driver and in every worker.
///
/// A parameter is owned data that serde can write and read. A return type whose last word is `Result`
/// counts as one.
///
/// Options, as the methods of `Function`: `name = "…"` (the function's own name unless set), `cpu = 0.5`,
/// `gpu = 1.0`, `memory = 1e9` (bytes), `resources = [("license", 1.0)]`, `retries = 3`,
/// `version = "2"`, `keep_if = |result| result.is_some()` (a closure or the path of a function).
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Function, options, &parse_macro_input!(item as ItemFn))
}

/// Declares a provider: what returns a value in place of a function.
///
/// The attribute stands on a function with two parameters: the `Site` of the call, and the tuple of its
/// arguments. It declares and registers a token as [`macro@function`] does. The option is `name = "…"`.
#[proc_macro_attribute]
pub fn provider(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Provider, options, &parse_macro_input!(item as ItemFn))
}

/// Declares a condition: the last gate before a call is replaced.
///
/// The attribute stands on a function with two parameters: the `Site` of the call, and the tuple of its
/// arguments, each as `Shown<T>`. It returns `bool` or a `Result` of it. It declares and registers a token as
/// [`macro@function`] does. The option is `name = "…"`.
#[proc_macro_attribute]
pub fn condition(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(Kind::Condition, options, &parse_macro_input!(item as ItemFn))
}

/// The function as it was, and behind it its declaration or what is wrong with it.
fn expand(kind: Kind, options: TokenStream, item: &ItemFn) -> TokenStream {
    let declared = declare::declare(kind, options.into(), item);
    let declared = declared.unwrap_or_else(syn::Error::into_compile_error);
    quote::quote!(#item #declared).into()
}
