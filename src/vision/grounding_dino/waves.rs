//! Numbers told by sines and cosines, each pair of which is slower than the one before.

use std::f32::consts::TAU;

/// Temperature of the waves that tell boxes and places in a phrase.
pub(super) const TEMPERATURE: f64 = 10_000.0;

/// Waves of so many channels: a sine, its cosine, a slower sine, and so on.
#[derive(Debug)]
pub(super) struct Waves {
    lengths: Vec<f32>,
}

impl Waves {
    pub fn new(width: usize, temperature: f64) -> Self {
        let exponent = |channel: usize| (2 * (channel / 2)) as f64 / width as f64;
        Self { lengths: (0..width).map(|at| temperature.powf(exponent(at)) as f32).collect() }
    }

    /// Its channels for `value`, where 1 is a full turn of the fastest. In 32 bits from beginning to
    /// end, as the reference has it: for large values the rounding shows.
    pub fn of(&self, value: f32) -> impl Iterator<Item = f32> {
        self.lengths.iter().enumerate().map(move |(channel, length)| {
            let angle = value * TAU / length;
            if channel % 2 == 0 { angle.sin() } else { angle.cos() }
        })
    }
}
