//! CDR, the byte form of ROS 2 messages on the wire and in bags.
//!
//! Plain CDR (XCDR1) in either byte order behind the four-byte encapsulation header. Numbers are
//! aligned to their size, counted from behind the header. `uint8[]` fields are
//! [`serde_bytes::ByteBuf`]s and move as one block.
//!
//! Lengths come from outside: each is held against the bytes that are left before anything is
//! allocated for it.

mod de;
mod ser;

use serde::{Serialize, de::DeserializeOwned};

/// Bytes of the encapsulation header.
const HEADER_BYTES: usize = 4;

/// Why bytes are no message, or a message has no byte form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CdrError {
    /// Shorter than the encapsulation header.
    #[error("{0} bytes are no CDR message: the encapsulation header alone takes 4")]
    NoHeader(usize),
    /// An encapsulation this reader does not know.
    #[error(
        "encapsulation {0:#06x} is not plain CDR (0x0000 or 0x0001): \
         is the message compressed, or of another serialization format?"
    )]
    Encapsulation(u16),
    /// The bytes end inside a value.
    #[error(
        "the message ends at byte {length}, inside a value at byte {at}: cut short, or of another type"
    )]
    Ended {
        /// Where the value starts.
        at: usize,
        /// Bytes of the message, without header.
        length: usize,
    },
    /// A sequence claims more elements than bytes are left.
    #[error(
        "a sequence at byte {at} claims {claimed} elements with {left} bytes left: of another type?"
    )]
    Length {
        /// Where the length stands.
        at: usize,
        /// The claimed number of elements.
        claimed: usize,
        /// Bytes left behind the length.
        left: usize,
    },
    /// A boolean other than 0 and 1.
    #[error("byte {at} is {found}, not a boolean: of another type?")]
    Boolean {
        /// Where it stands.
        at: usize,
        /// The value.
        found: u8,
    },
    /// A string that is not UTF-8.
    #[error("the string at byte {at} is not UTF-8")]
    Utf8 {
        /// Where it stands.
        at: usize,
    },
    /// A type that has no CDR form here, or a message of the type's own.
    #[error("{0}")]
    Other(String),
}

impl serde::de::Error for CdrError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}

impl serde::ser::Error for CdrError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}

/// That there is no CDR form for this.
fn no_form<T>(what: &str) -> Result<T, CdrError> {
    Err(CdrError::Other(format!("{what} has no CDR form in ROS messages")))
}

/// The little-endian CDR bytes of a message, encapsulation header included.
///
/// # Panics
///
/// When `T` is no ROS message shape (maps, enums, options): a programming error, found by the first
/// test that writes the type.
pub fn to_cdr<T: Serialize>(message: &T) -> Vec<u8> {
    ser::to_bytes(message, false).expect("message structs hold only what CDR can carry")
}

/// As [`to_cdr`], big-endian.
///
/// # Panics
///
/// As [`to_cdr`].
pub fn to_cdr_big_endian<T: Serialize>(message: &T) -> Vec<u8> {
    ser::to_bytes(message, true).expect("message structs hold only what CDR can carry")
}

/// The message in CDR bytes of either byte order. Bytes behind the message are ignored: writers pad.
///
/// # Errors
///
/// When the bytes are not a message of this type.
pub fn from_cdr<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CdrError> {
    let Some((&[high, low, _, _], body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(CdrError::NoHeader(bytes.len()));
    };
    let big_endian = match u16::from_be_bytes([high, low]) {
        0 => true,
        1 => false,
        other => return Err(CdrError::Encapsulation(other)),
    };
    T::deserialize(&mut de::Reader::new(body, big_endian))
}

#[cfg(test)]
mod tests {
    use super::super::msg::{
        CameraInfo, Clock, Detection3DArray, Image, Plan, StringMsg, TFMessage, TransformStamped,
    };
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_bytes::ByteBuf;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Mixed {
        a: u8,
        b: f64,
        c: bool,
        d: Vec<i16>,
        e: String,
        f: [u32; 2],
        g: ByteBuf,
    }

    fn mixed() -> Mixed {
        Mixed {
            a: 7,
            b: -1.5,
            c: true,
            d: vec![1, -2],
            e: "né".into(),
            f: [3, 4],
            g: ByteBuf::from([5, 6, 7]),
        }
    }

    #[test]
    fn numbers_stand_at_multiples_of_their_size() {
        let bytes = to_cdr(&mixed());
        let mut wanted = vec![0, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
        wanted.extend((-1.5f64).to_le_bytes());
        wanted.extend([1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 254, 255]);
        wanted.extend([4, 0, 0, 0, b'n', 0xc3, 0xa9, 0, 3, 0, 0, 0, 4, 0, 0, 0]);
        wanted.extend([3, 0, 0, 0, 5, 6, 7]);
        assert_eq!(bytes, wanted);
        assert_eq!(from_cdr::<Mixed>(&bytes).unwrap(), mixed());
    }

    #[test]
    fn big_endian_round_trip() {
        let bytes = to_cdr_big_endian(&mixed());
        assert_eq!(&bytes[..2], &[0, 0]);
        assert_eq!(from_cdr::<Mixed>(&bytes).unwrap(), mixed());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = to_cdr(&mixed());
        for end in 0..bytes.len() {
            assert!(from_cdr::<Mixed>(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn hostile_lengths_are_refused() {
        for length in [5, 1 << 20, u32::MAX] {
            let mut bytes = vec![0, 1, 0, 0];
            bytes.extend(length.to_le_bytes());
            bytes.extend([0; 4]);
            assert!(from_cdr::<ByteBuf>(&bytes).is_err());
            assert!(from_cdr::<StringMsg>(&bytes).is_err());
            assert!(from_cdr::<Vec<TransformStamped>>(&bytes).is_err());
            assert!(from_cdr::<Vec<u8>>(&bytes).is_err());
            // Elements without bytes would make the loop as long as the claim.
            assert!(from_cdr::<Vec<()>>(&bytes).is_err());
        }
    }

    #[test]
    fn names_the_fault() {
        assert_eq!(from_cdr::<Clock>(&[0, 1]), Err(CdrError::NoHeader(2)));
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0];
        assert_eq!(from_cdr::<Clock>(&zstd), Err(CdrError::Encapsulation(0x28b5)));
        let boolean = from_cdr::<bool>(&[0, 1, 0, 0, 9]);
        assert_eq!(boolean, Err(CdrError::Boolean { at: 0, found: 9 }));
        let string = from_cdr::<StringMsg>(&[0, 1, 0, 0, 2, 0, 0, 0, 0xff, 0]);
        assert_eq!(string, Err(CdrError::Utf8 { at: 4 }));
    }

    #[test]
    fn empty_strings_with_and_without_terminator() {
        for bytes in [&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 1, 0, 0, 1, 0, 0, 0, 0]] {
            assert_eq!(from_cdr::<StringMsg>(bytes).unwrap().data, "");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            order in 0u8..2,
            body in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let bytes = [&[0, order, 0, 0], &body[..]].concat();
            let _ = from_cdr::<Image>(&bytes);
            let _ = from_cdr::<CameraInfo>(&bytes);
            let _ = from_cdr::<TFMessage>(&bytes);
            let _ = from_cdr::<Detection3DArray>(&bytes);
            let _ = from_cdr::<Plan>(&bytes);
            let _ = from_cdr::<Mixed>(&body);
        }

        #[test]
        fn round_trip(a: u8, b: f64, c: bool, d: Vec<i16>, e: String, f: [u32; 2], g: Vec<u8>) {
            prop_assume!(!b.is_nan());
            let value = Mixed { a, b, c, d, e, f, g: ByteBuf::from(g) };
            prop_assert_eq!(&from_cdr::<Mixed>(&to_cdr(&value)).unwrap(), &value);
            prop_assert_eq!(&from_cdr::<Mixed>(&to_cdr_big_endian(&value)).unwrap(), &value);
        }
    }
}
