//! The declaration beside a function: its token and its registration.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Error, ItemFn, LitStr, Type};

use crate::options::Options;
use crate::signature::{Signature, argument_of};

/// What an attribute declares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Function,
    Provider,
    Condition,
}

/// The `static` token of a function, and its registration.
pub(crate) fn declare(kind: Kind, options: TokenStream, item: &ItemFn) -> syn::Result<TokenStream> {
    let options = Options::parse(kind, options)?;
    let signature = Signature::of(item)?;
    let (body, visibility) = (&item.sig.ident, &item.vis);
    let token = format_ident!("{}", body.to_string().to_uppercase(), span = body.span());
    let name = options.name.unwrap_or_else(|| LitStr::new(&body.to_string(), body.span()));
    let ty = token_type(kind, item, &signature)?;
    let (methods, marker) = (&options.methods, signature.marker());
    let names = match kind {
        Kind::Function => {
            let names = &signature.names;
            quote!(.parameters(&[#(#names),*]))
        }
        Kind::Provider | Kind::Condition => TokenStream::new(),
    };
    let register = match kind {
        Kind::Function => quote!(function),
        Kind::Provider => quote!(provider),
        Kind::Condition => quote!(condition),
    };
    let docs = item.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let cfgs: Vec<&Attribute> =
        item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    Ok(quote! {
        #(#docs)*
        #(#cfgs)*
        #visibility static #token: #ty = <#ty>::new::<_, #marker>(#name, &#body)#names #methods;

        #(#cfgs)*
        #(#cfgs)*
        ::chia_loop::registration::submit! {
            ::chia_loop::registration::Registration::new(|registry| registry.#register(&#token))
        }
    })
}

/// The type of the token: `Function<(A, B), R>` and so on.
fn token_type(kind: Kind, item: &ItemFn, signature: &Signature<'_>) -> syn::Result<TokenStream> {
    let (parameters, result) = (&signature.parameters, &signature.result);
    if kind == Kind::Function {
        return Ok(quote!(::chia_loop::Function<(#(#parameters,)*), #result>));
    }
    let [_, arguments] = parameters[..] else {
        let message = "takes two parameters: `Site`, and the tuple of the call's arguments";
        return Err(Error::new_spanned(&item.sig.inputs, message));
    };
    let Type::Tuple(arguments) = arguments else {
        let message = "the call's arguments are a tuple: one argument is written `(T,)`";
        return Err(Error::new_spanned(arguments, message));
    };
    if kind == Kind::Provider {
        return Ok(quote!(::chia_loop::Provider<#arguments, #result>));
    }
    let shown = arguments.elems.iter().map(|ty| match argument_of(ty, "Shown") {
        Some((ty, _)) => Ok(ty),
        None => Err(Error::new_spanned(ty, "a condition sees an argument as `Shown<T>`")),
    });
    let shown = shown.collect::<syn::Result<Vec<_>>>()?;
    Ok(quote!(::chia_loop::Condition<(#(#shown,)*)>))
}
