//! The colours of a heat map.

/// Colours at even steps of relevance from 0 to 1: matplotlib's "inferno", with a pale end that
/// shows on paper.
const RAMP: [[f32; 3]; 5] = [
    [35.0, 30.0, 60.0],
    [87.0, 16.0, 110.0],
    [188.0, 55.0, 84.0],
    [249.0, 142.0, 9.0],
    [252.0, 240.0, 130.0],
];

/// The colour of a relevance (see [`super::VoxelScore`]), held to 0..=1: bright where something fits a
/// text, dark where it fits anything else. Pictures and clouds of one map look alike.
pub fn heat_rgb(relevance: f32) -> [u8; 3] {
    let at = relevance.clamp(0.0, 1.0) * (RAMP.len() - 1) as f32;
    let step = (at as usize).min(RAMP.len() - 2);
    let (low, high) = (RAMP[step], RAMP[step + 1]);
    let share = at - step as f32;
    std::array::from_fn(|channel| (low[channel] + (high[channel] - low[channel]) * share) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_brighter() {
        assert_eq!([heat_rgb(-1.0), heat_rgb(0.0)], [[35, 30, 60]; 2]);
        assert_eq!([heat_rgb(0.5), heat_rgb(1.0)], [[188, 55, 84], [252, 240, 130]]);
        let light = |relevance: f32| heat_rgb(relevance).map(u32::from).iter().sum::<u32>();
        assert!(light(0.4) < light(0.6) && light(0.9) < light(2.0));
    }
}
