//! Scene-LLM's projector: a 3D token becomes a word the language model can read.
//!
//! ```text
//! feature ⊕ xyz ⊕ rgb ─ FC ─ GELU ─ FC ─ map to the model's width ─┬─ + ─ token
//!           xyz ─ position embedding (optional) ───────────────────┘
//! ```
//!
//! One projector serves the egocentric frame (camera coordinates) and the scene (world
//! coordinates). Only operations gradients pass through are used, so the same code is trained.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{D, DType, Device, Tensor};

use super::error::ModelError;
use super::manifest::Coordinates;
use super::parts::{PositionEmbedding, ProjectorSpec};
use crate::language::SafetensorsFiles;
use crate::scene::VisualTokens;

/// Numbers a token has beside its feature: xyz and rgb.
const GEOMETRY_WIDTH: usize = 6;

/// `y = x Wᵀ + b`.
#[derive(Debug, Clone)]
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Affine {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)
    }
}

#[derive(Debug, Clone)]
enum Position {
    None,
    Fourier { bands: usize, out: Affine },
    Learned { hidden: Affine, out: Affine },
}

/// The projector with its weights, in 32 bits.
#[derive(Debug, Clone)]
pub struct Projector {
    fc1: Affine,
    fc2: Affine,
    out: Affine,
    position: Position,
    coordinates: Coordinates,
    feature_width: usize,
    output_width: usize,
}

impl Projector {
    /// Names and shapes of all tensors a projector of `spec` has.
    pub fn tensor_shapes(spec: &ProjectorSpec) -> Vec<(String, Vec<usize>)> {
        let mut layers = vec![
            ("fc1", spec.hidden, spec.input),
            ("fc2", spec.hidden, spec.hidden),
            ("out", spec.output, spec.hidden),
        ];
        match spec.position {
            PositionEmbedding::None => {}
            PositionEmbedding::Fourier { bands } => {
                layers.push(("position", spec.output, GEOMETRY_WIDTH * bands));
            }
            PositionEmbedding::Learned => {
                layers.push(("position.fc1", spec.hidden, 3));
                layers.push(("position.fc2", spec.output, spec.hidden));
            }
        }
        let both = |(layer, outputs, inputs): (&str, usize, usize)| {
            [
                (format!("projector.{layer}.weight"), vec![outputs, inputs]),
                (format!("projector.{layer}.bias"), vec![outputs]),
            ]
        };
        layers.into_iter().flat_map(both).collect()
    }

    /// Reads the projector of `spec` from a safetensors file.
    pub fn load(
        spec: &ProjectorSpec,
        coordinates: Coordinates,
        path: &Path,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let mut file = SafetensorsFiles::open_file(path)?;
        let mut tensors = HashMap::new();
        for (name, _) in Self::tensor_shapes(spec) {
            if file.contains(&name) {
                let tensor = file.tensor_of_any_shape(&name, DType::F32, device)?;
                tensors.insert(name, tensor);
            }
        }
        Self::from_tensors(spec, coordinates, &tensors, path)
    }

    /// Builds the projector of `spec` from tensors in memory, such as those being trained; `path`
    /// stands in errors.
    pub fn from_tensors(
        spec: &ProjectorSpec,
        coordinates: Coordinates,
        tensors: &HashMap<String, Tensor>,
        path: &Path,
    ) -> Result<Self, ModelError> {
        for (name, expected) in Self::tensor_shapes(spec) {
            let found = tensors.get(&name).map(Tensor::dims);
            if found != Some(expected.as_slice()) {
                let found = found.map_or("is not in the file".into(), |dims| format!("{dims:?}"));
                let reason = format!("the manifest says {expected:?}, found: {found}");
                return Err(ModelError::Projector { path: PathBuf::from(path), name, reason });
            }
        }
        // Every tensor of the list above is there.
        let affine = |layer: &str| Affine {
            weight: tensors[&format!("projector.{layer}.weight")].clone(),
            bias: tensors[&format!("projector.{layer}.bias")].clone(),
        };
        Ok(Self {
            fc1: affine("fc1"),
            fc2: affine("fc2"),
            out: affine("out"),
            position: match spec.position {
                PositionEmbedding::None => Position::None,
                PositionEmbedding::Fourier { bands } => {
                    Position::Fourier { bands, out: affine("position") }
                }
                PositionEmbedding::Learned => Position::Learned {
                    hidden: affine("position.fc1"),
                    out: affine("position.fc2"),
                },
            },
            coordinates,
            feature_width: spec.input - GEOMETRY_WIDTH,
            output_width: spec.output,
        })
    }

    /// Width of the features it takes.
    pub fn feature_width(&self) -> usize {
        self.feature_width
    }

    /// Width of the tokens it makes.
    pub fn output_width(&self) -> usize {
        self.output_width
    }

    /// What goes in: `(tokens, feature_width + 6)`, coordinates normalised.
    pub fn inputs(&self, tokens: &VisualTokens) -> Result<Tensor, ModelError> {
        let refuse = |reason: String| Err(ModelError::VisualTokens(reason));
        let (count, width) = (tokens.len(), self.feature_width);
        if tokens.width != width {
            return refuse(format!(
                "features have width {}, the projector takes {width}",
                tokens.width
            ));
        }
        if tokens.features.len() != count * width || tokens.rgb.len() != count {
            return refuse(format!(
                "{count} positions, {} colours and {} feature values of width {width}",
                tokens.rgb.len(),
                tokens.features.len()
            ));
        }
        let Coordinates { centre_m, scale_m } = self.coordinates;
        let mut rows = Vec::with_capacity(count * (width + GEOMETRY_WIDTH));
        for index in 0..count {
            rows.extend_from_slice(&tokens.features[index * width..(index + 1) * width]);
            let axes = tokens.xyz_m[index].iter().zip(centre_m);
            rows.extend(axes.map(|(metres, centre)| (metres - centre) / scale_m));
            rows.extend(tokens.rgb[index]);
        }
        if let Some(at) = rows.iter().position(|number| !number.is_finite()) {
            return refuse(format!("token {} is not finite", at / (width + GEOMETRY_WIDTH)));
        }
        let shape = (count, width + GEOMETRY_WIDTH);
        let weight = &self.out.weight;
        Ok(Tensor::from_vec(rows, shape, weight.device())?.to_dtype(weight.dtype())?)
    }

    /// Projects `inputs` `(tokens, feature_width + 6)` to `(tokens, output_width)`.
    pub fn forward(&self, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let hidden = self.fc1.forward(inputs)?.gelu_erf()?;
        let projected = self.out.forward(&self.fc2.forward(&hidden)?)?;
        let xyz = inputs.narrow(1, self.feature_width, 3)?;
        match &self.position {
            Position::None => Ok(projected),
            Position::Fourier { bands, out } => projected + out.forward(&waves(&xyz, *bands)?)?,
            Position::Learned { hidden, out } => {
                projected + out.forward(&hidden.forward(&xyz)?.gelu_erf()?)?
            }
        }
    }

    /// Projects tokens of the robot, `(tokens, output_width)`.
    pub fn project(&self, tokens: &VisualTokens) -> Result<Tensor, ModelError> {
        if tokens.is_empty() {
            let device = self.out.weight.device();
            return Ok(Tensor::zeros((0, self.output_width), DType::F32, device)?);
        }
        Ok(self.forward(&self.inputs(tokens)?)?)
    }
}

/// Sines, then cosines, of `pi 2^k` times each axis: `(tokens, 3)` to `(tokens, 6 bands)`.
fn waves(xyz: &Tensor, bands: usize) -> candle_core::Result<Tensor> {
    let angles: Result<Vec<Tensor>, candle_core::Error> =
        (0..bands).map(|band| xyz * (std::f64::consts::PI * f64::from(1u32 << band))).collect();
    let angles = Tensor::cat(&angles?, D::Minus1)?;
    Tensor::cat(&[angles.sin()?, angles.cos()?], D::Minus1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::scene::TokenFrame;
    use crate::vision::gradients::{
        SMOOTH, assert_alike, assert_differences, cast, chance, gradients, tensors,
    };
    use candle_core::Var;
    use std::collections::BTreeMap;

    pub(crate) fn spec(position: PositionEmbedding) -> ProjectorSpec {
        let weights = "projector.safetensors".into();
        ProjectorSpec { weights, input: 16, hidden: 12, output: 32, position }
    }

    pub(crate) fn random_tensors(shapes: Vec<(String, Vec<usize>)>) -> HashMap<String, Tensor> {
        use rand::{Rng, SeedableRng};
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(1);
        let tensor = |(name, shape): (String, Vec<usize>)| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|_| random.random_range(-0.3..0.3)).collect();
            (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        };
        shapes.into_iter().map(tensor).collect()
    }

    pub(crate) fn tokens(count: usize) -> VisualTokens {
        let number = |index: usize| (index as f32 * 0.37).sin();
        VisualTokens {
            frame: TokenFrame::Camera,
            width: 10,
            features: (0..count * 10).map(number).collect(),
            xyz_m: (0..count).map(|index| [number(index), 1.0, index as f32]).collect(),
            rgb: (0..count).map(|index| [0.5, number(index).abs(), 1.0]).collect(),
        }
    }

    fn projector(position: PositionEmbedding) -> Projector {
        let spec = spec(position);
        let tensors = random_tensors(Projector::tensor_shapes(&spec));
        let coordinates = Coordinates { centre_m: [0.0, 1.0, 2.0], scale_m: 4.0 };
        Projector::from_tensors(&spec, coordinates, &tensors, Path::new("p")).unwrap()
    }

    const POSITIONS: [PositionEmbedding; 3] = [
        PositionEmbedding::None,
        PositionEmbedding::Fourier { bands: 3 },
        PositionEmbedding::Learned,
    ];

    #[test]
    fn inputs_are_feature_then_xyz_then_rgb() {
        let projector = projector(PositionEmbedding::None);
        let tokens = tokens(3);
        let rows: Vec<Vec<f32>> = projector.inputs(&tokens).unwrap().to_vec2().unwrap();
        assert_eq!(rows[2][..10], tokens.features[20..]);
        assert_eq!(rows[2][10..13], [tokens.xyz_m[2][0] / 4.0, 0.0, 0.0]);
        assert_eq!(rows[2][13..], tokens.rgb[2]);
    }

    #[test]
    fn forward_is_the_formula() {
        let spec = spec(PositionEmbedding::None);
        let tensors = random_tensors(Projector::tensor_shapes(&spec));
        let numbers =
            |name: &str| -> Vec<f32> { tensors[name].flatten_all().unwrap().to_vec1().unwrap() };
        let affine = |layer: &str, x: &[f32]| -> Vec<f32> {
            let weight = numbers(&format!("projector.{layer}.weight"));
            let bias = numbers(&format!("projector.{layer}.bias"));
            let rows = weight.chunks(x.len()).zip(bias);
            rows.map(|(row, bias)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>() + bias)
                .collect()
        };
        // GELU by its definition, the normal distribution integrated numerically.
        let gelu = |x: f32| {
            let steps = 2000;
            let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
            let width = f64::from(x) / f64::from(steps);
            let area: f64 =
                (0..steps).map(|step| density((f64::from(step) + 0.5) * width) * width).sum();
            (f64::from(x) * (0.5 + area)) as f32
        };
        let projector = projector(PositionEmbedding::None);
        let inputs = projector.inputs(&tokens(2)).unwrap();
        let found: Vec<Vec<f32>> = projector.forward(&inputs).unwrap().to_vec2().unwrap();
        let first: Vec<f32> = inputs.get(0).unwrap().to_vec1().unwrap();
        let hidden: Vec<f32> = affine("fc1", &first).into_iter().map(gelu).collect();
        let expected = affine("out", &affine("fc2", &hidden));
        approx::assert_abs_diff_eq!(found[0][..], expected[..], epsilon = 1e-5);
    }

    #[test]
    fn positions_add_something_that_depends_on_xyz_only() {
        let plain = projector(PositionEmbedding::None);
        let (here, mut there) = (tokens(1), tokens(1));
        there.xyz_m[0] = [3.0, -2.0, 1.0];
        for position in POSITIONS.into_iter().skip(1) {
            let projector = projector(position);
            // Without the way through xyz and rgb in the input, only the embedding is left.
            let added = |tokens: &VisualTokens| -> Vec<f32> {
                let inputs = projector.inputs(tokens).unwrap();
                let without = Projector { position: Position::None, ..projector.clone() };
                let added = projector.forward(&inputs).unwrap();
                let added = (added - without.forward(&inputs).unwrap()).unwrap();
                added.squeeze(0).unwrap().to_vec1().unwrap()
            };
            let mut recoloured = here.clone();
            recoloured.features[0] += 1.0;
            recoloured.rgb[0] = [0.0; 3];
            approx::assert_abs_diff_eq!(added(&here)[..], added(&recoloured)[..], epsilon = 1e-5);
            let moved: f32 =
                added(&here).iter().zip(added(&there)).map(|(a, b)| (a - b).abs()).sum();
            assert!(moved > 0.1, "{position:?}");
        }
        assert_eq!(plain.project(&tokens(5)).unwrap().dims(), [5, 32]);
        assert_eq!(plain.project(&tokens(0)).unwrap().dims(), [0, 32]);
    }

    #[test]
    fn waves_are_sines_then_cosines() {
        let xyz = Tensor::new(&[[0.5f32, 0.0, -0.5]], &Device::Cpu).unwrap();
        let found: Vec<Vec<f32>> = waves(&xyz, 2).unwrap().to_vec2().unwrap();
        let expected = [1.0f32, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 1.0, -1.0];
        approx::assert_abs_diff_eq!(found[0][..], expected[..], epsilon = 1e-5);
    }

    #[test]
    fn every_weight_has_the_gradient_of_differences() {
        for position in POSITIONS {
            let spec = spec(position);
            let loss = |vars: &BTreeMap<String, Var>| {
                let tensors = tensors(vars).into_iter().collect();
                let coordinates = Coordinates::default();
                let projector =
                    Projector::from_tensors(&spec, coordinates, &tensors, Path::new("p")).unwrap();
                projector.project(&tokens(4)).unwrap().sqr().unwrap().sum_all().unwrap()
            };
            let wide = chance(Projector::tensor_shapes(&spec), 1);
            let right = assert_differences(&wide, SMOOTH, &|| loss(&wide));
            let narrow = cast(&wide, DType::F32, &Device::Cpu);
            assert_alike(&gradients(&narrow, &loss(&narrow)), &right, 1e-3);
        }
    }

    #[test]
    fn wrong_shapes_and_tokens_are_named() {
        let spec = spec(PositionEmbedding::Learned);
        let mut tensors = random_tensors(Projector::tensor_shapes(&spec));
        let build = |tensors: &HashMap<String, Tensor>| {
            let coordinates = Coordinates::default();
            Projector::from_tensors(&spec, coordinates, tensors, Path::new("x/p.safetensors"))
        };
        let turned = tensors["projector.fc1.weight"].t().unwrap();
        tensors.insert("projector.fc1.weight".into(), turned);
        let error = build(&tensors).unwrap_err().to_string();
        for part in ["x/p.safetensors", "projector.fc1.weight", "[12, 16]", "[16, 12]"] {
            assert!(error.contains(part), "{error}");
        }
        tensors.remove("projector.fc1.weight");
        assert!(build(&tensors).unwrap_err().to_string().contains("not in the file"));

        let projector = projector(PositionEmbedding::None);
        let refused = |tokens: VisualTokens| projector.project(&tokens).unwrap_err().to_string();
        assert!(refused(VisualTokens { width: 5, ..tokens(2) }).contains("width 5"));
        assert!(
            refused(VisualTokens { features: vec![0.0; 3], ..tokens(2) }).contains("3 feature")
        );
        let mut broken = tokens(2);
        broken.xyz_m[1][2] = f32::NAN;
        assert!(refused(broken).contains("token 1 is not finite"));
    }
}
