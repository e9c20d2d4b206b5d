//! What a function's signature says: parameters, result, sync or async, plain or fallible.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, FnArg, GenericArgument, ItemFn, Pat, PathArguments, ReturnType, Type, TypeParamBound,
};

/// The signature of a body.
pub(crate) struct Signature<'a> {
    pub(crate) parameters: Vec<&'a Type>,
    /// The names of the parameters; `_` for a pattern.
    pub(crate) names: Vec<String>,
    /// The type of the result; of a `Result` its first argument.
    pub(crate) result: TokenStream,
    pub(crate) is_async: bool,
    pub(crate) is_fallible: bool,
}

impl<'a> Signature<'a> {
    pub(crate) fn of(item: &'a ItemFn) -> syn::Result<Self> {
        let signature = &item.sig;
        if let Some(parameter) = signature.generics.params.first() {
            let message = "a function that travels by its name has no generic parameters";
            return Err(Error::new_spanned(parameter, message));
        }
        let parameters = signature.inputs.iter().map(parameter).collect::<syn::Result<_>>()?;
        let (result, is_fallible) = match &signature.output {
            ReturnType::Default => (quote!(()), false),
            ReturnType::Type(_, output) => match argument_of(output, "Result") {
                Some((value, error)) => {
                    error.map_or(Ok(()), check_error)?;
                    (quote!(#value), true)
                }
                None => (quote!(#output), false),
            },
        };
        let names = signature.inputs.iter().map(name_of).collect();
        Ok(Self { parameters, names, result, is_async: signature.asyncness.is_some(), is_fallible })
    }

    /// The type that tells chia-loop which kind of body this is.
    pub(crate) fn marker(&self) -> TokenStream {
        let marker = match self.is_fallible {
            true => quote!(::chia_loop::body::Fallible<_>),
            false => quote!(::chia_loop::body::Plain),
        };
        match self.is_async {
            true => quote!(::chia_loop::body::Async<_, #marker>),
            false => marker,
        }
    }
}

fn name_of(argument: &FnArg) -> String {
    match argument {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(name) => name.ident.to_string(),
            _ => "_".to_owned(),
        },
        FnArg::Receiver(_) => "self".to_owned(),
    }
}

/// The type of a parameter, if it can travel.
fn parameter(argument: &FnArg) -> syn::Result<&Type> {
    match argument {
        FnArg::Receiver(receiver) => {
            Err(Error::new_spanned(receiver, "a method cannot be declared: take the value by name"))
        }
        FnArg::Typed(typed) => match &*typed.ty {
            Type::Reference(reference) => {
                let message = "a parameter is owned data, since it may come from another machine: \
                               take `String` for `&str`, `Vec<T>` for `&[T]`, `T` for `&T`";
                Err(Error::new_spanned(reference, message))
            }
            owned => Ok(owned),
        },
    }
}

/// The first type argument of a path that ends with `name`, and the second if there is one.
pub(crate) fn argument_of<'t>(ty: &'t Type, name: &str) -> Option<(&'t Type, Option<&'t Type>)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some((types.next()?, types.next()))
}

/// A boxed error leaves the thread that made it.
fn check_error(error: &Type) -> syn::Result<()> {
    let Some((Type::TraitObject(object), _)) = argument_of(error, "Box") else { return Ok(()) };
    let has = |name: &str| {
        object.bounds.iter().any(|bound| match bound {
            TypeParamBound::Trait(bound) => bound.path.is_ident(name),
            _ => false,
        })
    };
    if has("Send") && has("Sync") {
        return Ok(());
    }
    let message = "the error of a task goes to other threads: write \
                   `Box<dyn std::error::Error + Send + Sync>`";
    Err(Error::new_spanned(error, message))
}
