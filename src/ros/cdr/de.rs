//! CDR bytes to structs.

use super::{CdrError, no_form};
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};

/// Reads values off the front of a message's bytes.
pub(super) struct Reader<'b> {
    body: &'b [u8],
    /// Bytes read so far.
    at: usize,
    big_endian: bool,
}

impl<'b> Reader<'b> {
    /// Reads `body`, the bytes behind the encapsulation header.
    pub(super) fn new(body: &'b [u8], big_endian: bool) -> Self {
        Self { body, at: 0, big_endian }
    }

    fn left(&self) -> usize {
        self.body.len() - self.at
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], CdrError> {
        let bytes = self
            .body
            .get(self.at..)
            .and_then(|rest| rest.get(..count))
            .ok_or(CdrError::Ended { at: self.at, length: self.body.len() })?;
        self.at += count;
        Ok(bytes)
    }

    /// A number at a multiple of its size, in little-endian order.
    fn number<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        self.take(self.at.next_multiple_of(N) - self.at)?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        if self.big_endian {
            bytes.reverse();
        }
        Ok(bytes)
    }

    /// A number of elements. Every ROS value takes at least a byte, so a claim of more elements
    /// than bytes is a lie.
    fn length(&mut self) -> Result<usize, CdrError> {
        let claimed = u32::from_le_bytes(self.number()?) as usize;
        if claimed > self.left() {
            return Err(CdrError::Length { at: self.at - 4, claimed, left: self.left() });
        }
        Ok(claimed)
    }

    fn text(&mut self) -> Result<&'b str, CdrError> {
        let length = self.length()?;
        let at = self.at;
        let bytes = self.take(length)?;
        // The length counts the terminating zero; some writers send empty strings without one.
        let bytes = bytes.split_last().map_or(bytes, |(_, text)| text);
        std::str::from_utf8(bytes).map_err(|_| CdrError::Utf8 { at })
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident: $kind:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
            visitor.$visit(<$kind>::from_le_bytes(self.number()?))
        })*
    };
}

macro_rules! refused {
    ($($method:ident: $what:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, CdrError> {
            no_form($what)
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'_> {
    type Error = CdrError;

    numbers! {
        deserialize_i8, visit_i8: i8;
        deserialize_i16, visit_i16: i16;
        deserialize_i32, visit_i32: i32;
        deserialize_i64, visit_i64: i64;
        deserialize_u8, visit_u8: u8;
        deserialize_u16, visit_u16: u16;
        deserialize_u32, visit_u32: u32;
        deserialize_u64, visit_u64: u64;
        deserialize_f32, visit_f32: f32;
        deserialize_f64, visit_f64: f64;
    }

    refused! {
        deserialize_any: "a value without a type";
        deserialize_char: "a Unicode character";
        deserialize_option: "an option";
        deserialize_unit: "a unit";
        deserialize_map: "a map";
        deserialize_identifier: "a field name";
        deserialize_ignored_any: "a value without a type";
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
        let at = self.at;
        match self.number()? {
            [0] => visitor.visit_bool(false),
            [1] => visitor.visit_bool(true),
            [found] => Err(CdrError::Boolean { at, found }),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
        visitor.visit_str(self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
        let length = self.length()?;
        visitor.visit_bytes(self.take(length)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
        let length = self.length()?;
        visitor.visit_byte_buf(self.take(length)?.to_vec())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CdrError> {
        let left = self.length()?;
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CdrError> {
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, CdrError> {
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CdrError> {
        visitor.visit_seq(Elements { reader: self, left: fields.len() })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CdrError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, CdrError> {
        no_form("a unit")
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, CdrError> {
        no_form("an enum")
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The next values of a message, as elements or fields.
struct Elements<'r, 'b> {
    reader: &'r mut Reader<'b>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = CdrError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, CdrError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    /// Never more than the bytes that are left, see [`Reader::length`].
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}
