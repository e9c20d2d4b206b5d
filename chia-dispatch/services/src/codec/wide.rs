//! Pickles with integers beyond `i64`, which `serde-pickle` writes and cannot read back into a type.
//!
//! Its generic value holds them; here that value becomes the type that was asked for. Only a pickle
//! that `serde-pickle` refused for such an integer comes this way.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_pickle::{DeOptions, Error, ErrorCode, HashableValue, Value};

/// The value of a pickle, whatever the size of its integers, if the type holds them.
pub(super) fn decode<T: DeserializeOwned>(pickle: &[u8]) -> Result<T, Error> {
    T::deserialize(Wide(serde_pickle::value_from_slice(pickle, DeOptions::new())?))
}

/// Whether an error is the one that [`decode`] helps with.
pub(super) fn is_cure_for(error: &Error) -> bool {
    matches!(error, Error::Syntax(ErrorCode::InvalidValue(what)) if what == "integer too large")
}

struct Wide(Value);

impl IntoDeserializer<'_, Error> for Wide {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Wide {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let seq = |values: Vec<Value>| SeqDeserializer::new(values.into_iter().map(Wide));
        match self.0 {
            Value::None => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::I64(value) => visitor.visit_i64(value),
            Value::Int(value) => match (u64::try_from(&value), i128::try_from(&value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i128(value),
                _ => Err(Error::custom("an integer of more than 128 bits")),
            },
            Value::F64(value) => visitor.visit_f64(value),
            Value::Bytes(value) => visitor.visit_byte_buf(value),
            Value::String(value) => visitor.visit_string(value),
            Value::List(values) | Value::Tuple(values) => visitor.visit_seq(seq(values)),
            Value::Set(values) | Value::FrozenSet(values) => {
                visitor.visit_seq(seq(values.into_iter().map(HashableValue::into_value).collect()))
            }
            Value::Dict(entries) => visitor.visit_map(MapDeserializer::new(
                entries.into_iter().map(|(key, value)| (Wide(key.into_value()), Wide(value))),
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::None => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant is its name, or a dict of its name and content.
impl<'de> EnumAccess<'de> for Wide {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let (name, content) = match self.0 {
            name @ Value::String(_) => (name, Value::None),
            Value::Dict(mut entries) if entries.len() == 1 => {
                let (name, content) = entries.pop_first().expect("one entry");
                (name.into_value(), content)
            }
            _ => return Err(Error::custom("expected a variant's name, or a dict of it")),
        };
        Ok((seed.deserialize(Wide(name))?, Wide(content)))
    }
}

impl<'de> VariantAccess<'de> for Wide {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }
}
