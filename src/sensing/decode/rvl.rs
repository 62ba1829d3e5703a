//! RVL: Wilson, "Fast Lossless Depth Image Compression" (2017).
//!
//! A row of runs: a count of zeros, a count of readings, then for each reading its zigzag
//! difference to the one before. Numbers are little groups of three bits with a fourth that says
//! whether more follow, least significant group first; eight groups fill a 32-bit word from its
//! top, and words are little-endian.

/// Why a stream is broken.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum RvlError {
    #[error("the RVL stream ends at pixel {0}")]
    Short(usize),
    #[error("the RVL stream has a number of more than 30 bits at pixel {0}")]
    LongNumber(usize),
    #[error("an RVL run at pixel {0} is longer than the image")]
    LongRun(usize),
}

/// The numbers of a stream.
struct Numbers<'a> {
    words: std::slice::Iter<'a, [u8; 4]>,
    word: u32,
    groups_left: u32,
}

impl Numbers<'_> {
    /// The next number; `pixel` says where we are, for errors.
    fn next(&mut self, pixel: usize) -> Result<usize, RvlError> {
        let mut value = 0;
        for shift in (0..30).step_by(3) {
            if self.groups_left == 0 {
                let word = self.words.next().ok_or(RvlError::Short(pixel))?;
                (self.word, self.groups_left) = (u32::from_le_bytes(*word), 8);
            }
            let group = self.word >> 28;
            self.word <<= 4;
            self.groups_left -= 1;
            value |= ((group & 7) as usize) << shift;
            if group & 8 == 0 {
                return Ok(value);
            }
        }
        Err(RvlError::LongNumber(pixel))
    }
}

/// The `pixels` samples of a stream. The caller has bounded `pixels`.
pub(super) fn decode(stream: &[u8], pixels: usize) -> Result<Vec<u16>, RvlError> {
    let words = stream.as_chunks::<4>().0.iter();
    let mut numbers = Numbers { words, word: 0, groups_left: 0 };
    let mut out = vec![0_u16; pixels];
    let mut at = 0;
    let mut previous = 0_u16;
    while at < pixels {
        let zeros = numbers.next(at)?;
        if zeros > pixels - at {
            return Err(RvlError::LongRun(at));
        }
        at += zeros;
        let readings = numbers.next(at)?;
        if readings > pixels - at {
            return Err(RvlError::LongRun(at));
        }
        for _ in 0..readings {
            let zigzag = numbers.next(at)?;
            let delta = (zigzag >> 1) as i32 ^ -((zigzag & 1) as i32);
            // Sixteen bits wrap, as they do in the sender.
            previous = previous.wrapping_add(delta as u16);
            out[at] = previous;
            at += 1;
        }
    }
    Ok(out)
}
