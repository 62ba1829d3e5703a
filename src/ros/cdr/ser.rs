//! Structs to CDR bytes.

use super::{CdrError, HEADER_BYTES, no_form};
use serde::ser::{self, Impossible, Serialize};

/// The bytes of `message`, encapsulation header included.
pub(super) fn to_bytes<T: Serialize>(message: &T, big_endian: bool) -> Result<Vec<u8>, CdrError> {
    let mut writer = Writer { bytes: vec![0, u8::from(!big_endian), 0, 0], big_endian };
    message.serialize(&mut writer)?;
    Ok(writer.bytes)
}

struct Writer {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Writer {
    /// Writes a number at a multiple of its size. `le_bytes` are in little-endian order.
    fn number<const N: usize>(&mut self, mut le_bytes: [u8; N]) -> Result<(), CdrError> {
        let body = self.bytes.len() - HEADER_BYTES;
        self.bytes.resize(HEADER_BYTES + body.next_multiple_of(N), 0);
        if self.big_endian {
            le_bytes.reverse();
        }
        self.bytes.extend_from_slice(&le_bytes);
        Ok(())
    }

    fn length(&mut self, length: usize) -> Result<(), CdrError> {
        let length = u32::try_from(length)
            .map_err(|_| CdrError::Other(format!("{length} elements do not fit CDR's u32")))?;
        self.number(length.to_le_bytes())
    }
}

macro_rules! numbers {
    ($($method:ident: $kind:ty;)*) => {
        $(fn $method(self, value: $kind) -> Result<(), CdrError> {
            self.number(value.to_le_bytes())
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = CdrError;
    type SerializeSeq = &'a mut Writer;
    type SerializeTuple = &'a mut Writer;
    type SerializeTupleStruct = &'a mut Writer;
    type SerializeStruct = &'a mut Writer;
    type SerializeTupleVariant = Impossible<(), CdrError>;
    type SerializeMap = Impossible<(), CdrError>;
    type SerializeStructVariant = Impossible<(), CdrError>;

    numbers! {
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_f32: f32;
        serialize_f64: f64;
    }

    fn serialize_bool(self, value: bool) -> Result<(), CdrError> {
        self.number([u8::from(value)])
    }

    fn serialize_str(self, value: &str) -> Result<(), CdrError> {
        // The length counts the terminating zero.
        self.length(value.len() + 1)?;
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CdrError> {
        self.length(value.len())?;
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, CdrError> {
        match length {
            Some(length) => self.length(length)?,
            None => return no_form("a sequence of unknown length"),
        }
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, CdrError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, CdrError> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CdrError> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CdrError> {
        value.serialize(self)
    }

    fn serialize_char(self, _: char) -> Result<(), CdrError> {
        no_form("a Unicode character")
    }

    fn serialize_none(self) -> Result<(), CdrError> {
        no_form("an option")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), CdrError> {
        no_form("an option")
    }

    fn serialize_unit(self) -> Result<(), CdrError> {
        no_form("a unit")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CdrError> {
        no_form("a unit")
    }

    fn serialize_unit_variant(self, _: &str, _: u32, _: &str) -> Result<(), CdrError> {
        no_form("an enum")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), CdrError> {
        no_form("an enum")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CdrError> {
        no_form("an enum")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CdrError> {
        no_form("an enum")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CdrError> {
        no_form("a map")
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! compounds {
    ($($kind:ident, $method:ident;)*) => {
        $(impl ser::$kind for &mut Writer {
            type Ok = ();
            type Error = CdrError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CdrError> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), CdrError> {
                Ok(())
            }
        })*
    };
}

compounds! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
}

impl ser::SerializeStruct for &mut Writer {
    type Ok = ();
    type Error = CdrError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CdrError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), CdrError> {
        Ok(())
    }
}
