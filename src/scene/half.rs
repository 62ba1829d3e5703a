//! IEEE half precision, for stored features: half the memory, 11 bits of mantissa.

/// Largest finite half.
const MAX: f32 = 65504.0;

/// The nearest half, as bits. Out of range saturates; NaN becomes zero.
pub(super) fn to_bits(value: f32) -> u16 {
    if value.is_nan() {
        return 0;
    }
    let sign = ((value.to_bits() >> 16) & 0x8000) as u16;
    // 2⁻¹¹² moves the exponent's bias from 127 to 15; then 13 bits of mantissa are rounded away.
    let bits = (value.abs().min(MAX) * f32::from_bits(0x0780_0000)).to_bits();
    sign | ((bits + 0xfff + ((bits >> 13) & 1)) >> 13) as u16
}

/// The value of a finite half.
pub(super) fn from_bits(bits: u16) -> f32 {
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | (u32::from(bits & 0x8000) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_survives() {
        for bits in (0..=u16::MAX).filter(|b| b & 0x7c00 != 0x7c00) {
            assert_eq!(to_bits(from_bits(bits)), bits, "{bits:#x}");
        }
    }

    #[test]
    fn known_values_and_rounding() {
        assert_eq!(to_bits(1.0), 0x3c00);
        assert_eq!(to_bits(-2.0), 0xc000);
        assert_eq!(from_bits(to_bits(1e9)), MAX);
        assert_eq!(from_bits(to_bits(-1e9)), -MAX);
        assert_eq!(to_bits(f32::NAN), 0);
        assert!((from_bits(to_bits(0.1)) - 0.1).abs() < 0.1 / 2048.0);
    }
}
