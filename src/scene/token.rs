//! 3D visual tokens: what the projector takes in.

/// Coordinates in which token positions stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFrame {
    /// Optical camera coordinates of one frame.
    Camera,
    /// World coordinates.
    World,
}

/// At most N visual tokens, each a feature, a mean point and a mean colour.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualTokens {
    /// Coordinates of `xyz_m`.
    pub frame: TokenFrame,
    /// Length of one feature vector.
    pub width: usize,
    /// `(tokens, width)`, row-major.
    pub features: Vec<f32>,
    /// Mean point of each token, metres.
    pub xyz_m: Vec<[f32; 3]>,
    /// Mean colour of each token, 0..=1.
    pub rgb: Vec<[f32; 3]>,
}

impl VisualTokens {
    /// No token.
    pub fn none(frame: TokenFrame, width: usize) -> Self {
        Self { frame, width, features: Vec::new(), xyz_m: Vec::new(), rgb: Vec::new() }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.xyz_m.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.xyz_m.is_empty()
    }
}
