//! The options of an attribute.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{Expr, LitStr};

use crate::declare::Kind;

/// What an attribute says, as it is written.
#[derive(Default)]
pub(crate) struct Options {
    /// Replaces the function's own name.
    pub(crate) name: Option<LitStr>,
    /// Calls of the builder methods of `Function`.
    pub(crate) methods: TokenStream,
}

/// The options that are methods of `Function` with one number or text.
const AMOUNTS: [&str; 5] = ["cpu", "gpu", "memory", "retries", "version"];

impl Options {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> syn::Result<Self> {
        let mut options = Self::default();
        let mut seen = Vec::new();
        let parser = syn::meta::parser(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            if seen.contains(&name) {
                return Err(meta.error(format!("`{name}` is set twice")));
            }
            seen.push(name.clone());
            match name.as_str() {
                "name" => options.name = Some(meta.value()?.parse()?),
                "resources" if kind == Kind::Function => {
                    let amounts: Expr = meta.value()?.parse()?;
                    options.methods.extend(quote!(.resources(&#amounts)));
                }
                "keep_if" if kind == Kind::Function => {
                    let predicate: Expr = meta.value()?.parse()?;
                    options.methods.extend(quote!(.keep_if(&#predicate)));
                }
                amount if kind == Kind::Function && AMOUNTS.contains(&amount) => {
                    let method = &meta.path;
                    let amount: Expr = meta.value()?.parse()?;
                    options.methods.extend(quote!(.#method(#amount)));
                }
                _ => return Err(meta.error(unknown(kind))),
            }
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(options)
    }
}

fn unknown(kind: Kind) -> &'static str {
    match kind {
        Kind::Function => {
            "the options are `name`, `cpu`, `gpu`, `memory`, `resources`, `retries`, `version` and \
             `keep_if`"
        }
        Kind::Provider | Kind::Condition => "the option is `name`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: Kind, tokens: TokenStream) -> Result<String, String> {
        let parsed = Options::parse(kind, tokens);
        parsed.map(|options| options.methods.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn options_become_methods_and_others_are_refused() {
        let methods = parse(Kind::Function, quote!(cpu = 0.5, version = "2")).unwrap();
        assert_eq!(methods, quote!(.cpu(0.5).version("2")).to_string());
        let twice = parse(Kind::Function, quote!(cpu = 1.0, cpu = 2.0));
        assert_eq!(twice, Err("`cpu` is set twice".to_owned()));
        assert!(parse(Kind::Function, quote!(cpus = 1.0)).unwrap_err().contains("`keep_if`"));
        assert_eq!(
            parse(Kind::Provider, quote!(cpu = 1.0)),
            Err("the option is `name`".to_owned())
        );
    }
}
