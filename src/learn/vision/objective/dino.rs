//! Self-distillation without labels (DINO, Caron et al., ICCV 2021), cell by cell: of two views of a
//! place, the student sorts the cells of one into prototypes as the teacher, the average of the
//! weights, sorts those of the other. The teacher is sharpened and centred, so that neither one
//! prototype nor all of them alike can be the answer to everything.

use super::soft_cross_entropy;
use candle_core::{D, Device, Result, Tensor};
use serde::{Deserialize, Serialize};

/// Name of the prototypes among the weights of a training.
pub const PROTOTYPES: &str = "dino.prototypes";
/// Name of the centre in the memory of a training.
pub const CENTRE: &str = "dino.centre";

/// How cells are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DinoConfig {
    /// How much it counts among the objectives.
    pub weight: f64,
    /// Number of prototypes.
    pub prototypes: usize,
    /// Temperature of the student.
    pub student_temperature: f64,
    /// Temperature of the teacher; lower, so that it is sharper.
    pub teacher_temperature: f64,
    /// How slowly the centre moves, 0..1.
    pub centre_momentum: f64,
    /// Cells of a view that are compared.
    pub cells: usize,
}

impl DinoConfig {
    pub(super) fn fault(&self) -> Option<String> {
        let good = (2..=65_536).contains(&self.prototypes)
            && self.student_temperature > 0.0
            && self.teacher_temperature > 0.0
            && (0.0..1.0).contains(&self.centre_momentum)
            && self.cells > 0;
        let reason = "dino: needs 2 to 65536 prototypes, 1 cell at least, temperatures above 0, and \
                      centre_momentum within 0..1";
        (!good).then(|| reason.to_owned())
    }
}

/// Cosines of features of length 1 `(cells, width)` to prototypes `(prototypes, width)`.
pub fn cosines(features: &Tensor, prototypes: &Tensor) -> Result<Tensor> {
    let lengths = (prototypes.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    features.matmul(&prototypes.broadcast_div(&lengths)?.t()?)
}

/// The loss of the student's cosines against the teacher's `(cells, prototypes)`.
pub fn loss(
    student: &Tensor,
    teacher: &Tensor,
    centre: &Tensor,
    config: &DinoConfig,
) -> Result<Tensor> {
    let teacher = (teacher.detach().broadcast_sub(centre)? / config.teacher_temperature)?;
    let targets = candle_nn::ops::softmax(&teacher, D::Minus1)?;
    let ones = Tensor::ones(student.dim(0)?, student.dtype(), student.device())?;
    soft_cross_entropy(&(student / config.student_temperature)?, &targets, &ones)
}

/// The centre after the teacher said `teacher` `(cells, prototypes)`.
pub fn moved(centre: &Tensor, teacher: &Tensor, momentum: f64) -> Result<Tensor> {
    let mean = teacher.detach().mean(0)?;
    (centre * momentum)? + (mean * (1.0 - momentum))?
}

/// The centre before anything was seen.
pub fn first_centre(prototypes: usize) -> Result<Tensor> {
    Tensor::zeros(prototypes, candle_core::DType::F32, &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::vision::objective::tests::{assert_gradient, unit_vectors};
    use candle_core::Var;

    const CONFIG: DinoConfig = DinoConfig {
        weight: 1.0,
        prototypes: 3,
        student_temperature: 0.3,
        teacher_temperature: 0.1,
        centre_momentum: 0.9,
        cells: 4,
    };

    #[test]
    fn the_student_comes_to_sort_as_the_teacher_does() {
        let prototypes = unit_vectors(3, 4, 1);
        let teacher = cosines(&unit_vectors(4, 4, 2), &prototypes).unwrap();
        let centre = first_centre(3).unwrap();
        let student = Var::from_tensor(&unit_vectors(4, 4, 3)).unwrap();
        let value = |x: &Tensor| {
            loss(&cosines(x, &prototypes).unwrap(), &teacher, &centre, &CONFIG).unwrap()
        };
        assert_gradient(&student, value);
        let first = value(&student).to_scalar::<f32>().unwrap();
        for _ in 0..60 {
            let gradient = value(&student).backward().unwrap().get(&student).unwrap().clone();
            student.set(&(student.as_tensor() - (gradient * 0.3).unwrap()).unwrap()).unwrap();
        }
        assert!(value(&student).to_scalar::<f32>().unwrap() < 0.6 * first);
        let sorted = |cosines: Tensor| cosines.argmax(1).unwrap().to_vec1::<u32>().unwrap();
        assert_eq!(sorted(cosines(&student, &prototypes).unwrap()), sorted(teacher));
    }

    #[test]
    fn prototypes_learn_too_and_the_centre_follows_the_teacher() {
        let (features, teacher) = (unit_vectors(4, 4, 2), unit_vectors(4, 3, 5));
        let centre = first_centre(3).unwrap();
        let prototypes = Var::from_tensor(&unit_vectors(3, 4, 1)).unwrap();
        assert_gradient(&prototypes, |p| {
            loss(&cosines(&features, p).unwrap(), &teacher, &centre, &CONFIG).unwrap()
        });
        let moved = moved(&centre, &teacher, 0.75).unwrap().to_vec1::<f32>().unwrap();
        let mean = teacher.mean(0).unwrap().to_vec1::<f32>().unwrap();
        for (moved, mean) in moved.iter().zip(mean) {
            approx::assert_relative_eq!(*moved, 0.25 * mean, epsilon = 1e-6);
        }
    }
}
