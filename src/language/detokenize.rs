//! Text from tokens as they come, never half a character.

/// Collects bytes and gives out whole characters. All that was given out, with the rest of
/// [`Detokenizer::finish`], is what [`String::from_utf8_lossy`] makes of all bytes.
#[derive(Debug, Clone, Default)]
pub struct Detokenizer {
    pending: Vec<u8>,
}

impl Detokenizer {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the bytes of one more token; the characters they complete.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let (valid, rest) = self.pending.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    // Without a length the rest may still become a character.
                    let Some(broken) = error.error_len() else {
                        self.pending = rest.to_vec();
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending = rest[broken..].to_vec();
                }
            }
        }
    }

    /// What is left when no more bytes come: nothing, or a mark for a broken character.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_comes_out_whole() {
        let mut detokenizer = Detokenizer::new();
        let [first, second, third] = ["€".as_bytes()[0], "€".as_bytes()[1], "€".as_bytes()[2]];
        assert_eq!(detokenizer.push(&[b'5', first]), "5");
        assert_eq!(detokenizer.push(&[second]), "");
        assert_eq!(detokenizer.push(&[third, b'!']), "€!");
        assert_eq!(detokenizer.finish(), "");
    }

    proptest! {
        #[test]
        fn incremental_equals_whole(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..60),
                ".{0,20}".prop_map(String::into_bytes),
            ],
            cuts in proptest::collection::vec(1usize..5, 60),
        ) {
            let mut detokenizer = Detokenizer::new();
            let (mut text, mut rest) = (String::new(), bytes.as_slice());
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                text.push_str(&detokenizer.push(now));
                rest = later;
            }
            text.push_str(&detokenizer.push(rest));
            text.push_str(&detokenizer.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
