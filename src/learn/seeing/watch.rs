//! How well lessons in homes never trained on are answered, with open eyes and with closed ones.

use super::super::LearnError;
use super::super::batch::{Encoded, LOOKS};
use super::lesson::Lesson;
use super::model::SeeingModel;
use super::teaching::{Classroom, Variation};
use candle_core::{D, DType, Device};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lessons that are measured at a time.
const AT_ONCE: usize = 32;

/// How lessons were answered when each token is predicted from the right ones before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Graded {
    /// Number of lessons.
    pub lessons: usize,
    /// Mean negative log-likelihood of an answer token.
    pub loss: f64,
    /// Share of lessons whose every answer token is the likeliest one.
    pub exact: f64,
    /// The same, names of places to go to left out.
    pub exact_without_places: f64,
    /// Share of the names of places to go to that are the likeliest token.
    pub places: f64,
    /// How far guided attention is from where it should be, each kind of look apart; 0 where none is
    /// guided.
    pub astray: [f64; LOOKS],
}

/// A measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeeingWatch {
    /// Step at which it was made.
    pub step: u64,
    /// By kind of lesson: with open eyes, then with closed ones.
    pub kinds: BTreeMap<String, [Graded; 2]>,
}

impl SeeingWatch {
    /// Mean loss over the kinds, with open eyes.
    pub fn loss(&self) -> f64 {
        let sum: f64 = self.kinds.values().map(|[seen, _]| seen.loss).sum();
        sum / self.kinds.len().max(1) as f64
    }
}

/// Measures `model` on `lessons`.
pub fn watch(
    classroom: &Classroom<'_>,
    model: &SeeingModel,
    device: &Device,
    lessons: &[Lesson],
    step: u64,
) -> Result<SeeingWatch, LearnError> {
    let mut of_kind: BTreeMap<&str, Vec<&Lesson>> = BTreeMap::new();
    for lesson in lessons {
        of_kind.entry(&lesson.kind).or_default().push(lesson);
    }
    let mut kinds = BTreeMap::new();
    for (kind, lessons) in of_kind {
        let mut both = [Graded::default(); 2];
        for (graded, blind) in both.iter_mut().zip([false, true]) {
            *graded = grade(classroom, model, device, &lessons, blind)?;
        }
        kinds.insert(kind.to_string(), both);
    }
    Ok(SeeingWatch { step, kinds })
}

fn grade(
    classroom: &Classroom<'_>,
    model: &SeeingModel,
    device: &Device,
    lessons: &[&Lesson],
    blind: bool,
) -> Result<Graded, LearnError> {
    let mut rows = Vec::with_capacity(lessons.len());
    for (number, lesson) in lessons.iter().enumerate() {
        // Every measurement sees the same.
        let mut rng = Pcg64Mcg::seed_from_u64(number as u64);
        let lesson = if blind { lesson.blind() } else { (*lesson).clone() };
        rows.push(classroom.row(&lesson, Variation::NONE, &mut rng)?);
    }
    rows.sort_by_key(|row: &Encoded| row.ids.len());
    let guidance = classroom.config.looking.as_ref();
    let (mut loss, mut weight) = (0.0, 0.0);
    let (mut astray, mut looks) = ([0.0; LOOKS], [0.0; LOOKS]);
    let (mut places, mut places_right) = (0u32, 0u32);
    let (mut exact, mut without_places) = (0, 0);
    let mut rng = Pcg64Mcg::seed_from_u64(0);
    for rows in rows.chunks(AT_ONCE) {
        let batch = classroom.batch(rows, device, &mut rng)?;
        let (logits, away) = model.forward(&batch, guidance, &mut None)?;
        let logits = logits.detach();
        for (which, away) in away.iter().enumerate() {
            let looking = rows.iter().map(|row| row.looks[which].len()).sum::<usize>() as f64;
            astray[which] += f64::from(away.to_scalar::<f32>()?) * looking;
            looks[which] += looking;
        }
        loss += f64::from(batch.loss(&logits)?.to_scalar::<f32>()?) * batch.weight;
        weight += batch.weight;
        let right = logits.argmax(D::Minus1)?.eq(&batch.targets)?.to_dtype(DType::U8)?;
        let mut right = right.to_vec1::<u8>()?.into_iter();
        for row in rows {
            let (mut all, mut others) = (true, true);
            // Targets first: a zip that ends on them takes no hit of the next row.
            for (target, hit) in row.targets.iter().zip(right.by_ref()) {
                let hit = hit != 0;
                all &= hit;
                others &= hit || target.is_place;
                places += u32::from(target.is_place);
                places_right += u32::from(target.is_place && hit);
            }
            exact += usize::from(all);
            without_places += usize::from(others);
        }
    }
    let count = lessons.len().max(1) as f64;
    Ok(Graded {
        lessons: lessons.len(),
        loss: loss / weight.max(1.0),
        exact: exact as f64 / count,
        exact_without_places: without_places as f64 / count,
        places: f64::from(places_right) / f64::from(places.max(1)),
        astray: std::array::from_fn(|which| astray[which] / f64::max(looks[which], 1.0)),
    })
}
