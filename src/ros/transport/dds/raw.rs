//! CDR bytes as they are, past the middleware's own (de)serialisers.

use rustdds::bytes::Bytes;
use rustdds::{RepresentationIdentifier, no_key};
use std::convert::Infallible;

/// Bytes of the encapsulation header.
pub(super) const HEADER_BYTES: usize = 4;

/// A message as it came, encapsulation header in front.
pub(super) struct Inbound(pub Vec<u8>);

/// A little-endian message to send, without its encapsulation header.
pub(super) struct Outbound(Bytes);

impl Outbound {
    /// The message in `cdr`, as `to_cdr` writes it.
    pub fn new(cdr: Vec<u8>) -> Self {
        let bytes = Bytes::from(cdr);
        let body = HEADER_BYTES.min(bytes.len());
        Self(bytes.slice(body..))
    }
}

/// Hands bytes through.
pub(super) struct Raw;

#[derive(Clone)]
pub(super) struct Copy;

impl no_key::DeserializerAdapter<Inbound> for Raw {
    type Error = Infallible;
    type Decoded = Inbound;

    /// All of them: what is no plain CDR is counted as malformed where messages are decoded, not
    /// lost in here.
    fn supported_encodings() -> &'static [RepresentationIdentifier] {
        use RepresentationIdentifier as Encoding;
        &[
            Encoding::CDR_LE,
            Encoding::CDR_BE,
            Encoding::PL_CDR_LE,
            Encoding::PL_CDR_BE,
            Encoding::CDR2_LE,
            Encoding::CDR2_BE,
            Encoding::PL_CDR2_LE,
            Encoding::PL_CDR2_BE,
            Encoding::D_CDR_LE,
            Encoding::D_CDR_BE,
            Encoding::XCDR2_LE,
            Encoding::XCDR2_BE,
            Encoding::XML,
        ]
    }

    fn transform_decoded(decoded: Inbound) -> Inbound {
        decoded
    }
}

impl no_key::DefaultDecoder<Inbound> for Raw {
    type Decoder = Copy;
    const DECODER: Copy = Copy;
}

impl no_key::Decode<'_, Inbound> for Copy {
    type Error = Infallible;

    fn decode_bytes(
        self,
        body: &[u8],
        encoding: RepresentationIdentifier,
    ) -> Result<Inbound, Infallible> {
        let mut cdr = Vec::with_capacity(HEADER_BYTES + body.len());
        cdr.extend(encoding.to_bytes());
        cdr.extend([0, 0]);
        cdr.extend(body);
        Ok(Inbound(cdr))
    }
}

impl no_key::SerializerAdapter<Outbound> for Raw {
    type Error = Infallible;

    fn output_encoding() -> RepresentationIdentifier {
        RepresentationIdentifier::CDR_LE
    }

    fn to_bytes(message: &Outbound) -> Result<Bytes, Infallible> {
        Ok(message.0.clone())
    }
}
