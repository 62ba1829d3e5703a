//! Soft targets of a finished model (Hinton et al., 2015): in each cell the student is to find all
//! words as likely as the teacher does, both softened so that what is unlikely tells something, too.

use super::soft_cross_entropy;
use candle_core::{D, Result, Tensor};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Who teaches, and how softly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillConfig {
    /// How much it counts among the objectives.
    pub weight: f64,
    /// Folder of the teacher, a finished model of any size with features of the same length.
    pub teacher: PathBuf,
    /// Cosines are divided by this, as in the teacher's training.
    pub temperature: f64,
    /// Logits are divided by this on top; 1 for none.
    pub softening: f64,
}

impl DistillConfig {
    pub(super) fn fault(&self) -> Option<String> {
        let good = self.temperature > 0.0 && self.softening > 0.0;
        (!good).then(|| "distill: temperature and softening must be above 0".to_owned())
    }
}

/// The loss of the student's features against the teacher's `(cells, width)`; `words` is `(width,
/// names)`. Softening weakens gradients by its square, which is made good.
pub fn loss(
    student: &Tensor,
    teacher: &Tensor,
    words: &Tensor,
    config: &DistillConfig,
) -> Result<Tensor> {
    let logits = |features: &Tensor| -> Result<Tensor> {
        features.matmul(words)? / (config.temperature * config.softening)
    };
    let targets = candle_nn::ops::softmax(&logits(&teacher.detach())?, D::Minus1)?;
    let ones = Tensor::ones(student.dim(0)?, student.dtype(), student.device())?;
    soft_cross_entropy(&logits(student)?, &targets, &ones)? * config.softening.powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::objective::tests::{assert_gradient, unit_vectors};
    use candle_core::Var;

    #[test]
    fn the_student_comes_to_find_words_as_likely_as_the_teacher() {
        let config = DistillConfig {
            weight: 1.0,
            teacher: "teacher".into(),
            temperature: 0.2,
            softening: 2.0,
        };
        let words = unit_vectors(3, 4, 1).t().unwrap().contiguous().unwrap();
        let teacher = unit_vectors(5, 4, 2);
        let student = Var::from_tensor(&unit_vectors(5, 4, 3)).unwrap();
        let value = |x: &Tensor| loss(x, &teacher, &words, &config).unwrap();
        assert_gradient(&student, value);
        let least = value(&teacher).to_scalar::<f32>().unwrap();
        let above = |x: &Tensor| value(x).to_scalar::<f32>().unwrap() - least;
        let first = above(&student);
        for _ in 0..80 {
            let gradient = value(&student).backward().unwrap().get(&student).unwrap().clone();
            student.set(&(student.as_tensor() - (gradient * 0.1).unwrap()).unwrap()).unwrap();
        }
        assert!(first > 0.1 && above(&student) < 0.1 * first, "{first} {}", above(&student));
    }
}
