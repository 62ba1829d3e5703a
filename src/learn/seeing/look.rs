//! Guided attention: heads that are told where to look.
//!
//! To say on what a mug stands takes three steps: to find in the words that it is the mug that is
//! asked for, to find the 3D token of the mug, and to say what it tells. None is of use without the
//! others, so a small decoder finds them late. Where each should look is known, and heads that are told
//! so find it in a few hundred steps (supervised attention: Liu et al., COLING 2016; of one head:
//! Strubell et al., EMNLP 2018).

use super::super::LearnError;
use super::super::batch::{Encoded, LOOKS, Look, Looks};
use super::super::scenes::Lexicon;
use candle_core::{D, Result, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokenizers::Tokenizer;

/// How attention is guided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    /// How much it counts beside the loss of an answer's tokens.
    pub weight: f64,
    /// The layers in whose first head names look at the 3D tokens that bear them.
    pub names: Vec<usize>,
    /// The layers in whose first head an answer that is a name looks at the names of what stands on
    /// such a thing.
    pub follow: Vec<usize>,
    /// The layers in whose first head an answer that is a name looks at the 3D tokens that tell it:
    /// those of named things that stand on such a thing, or of such things on named ones, or else of
    /// any such thing.
    pub tell: Vec<usize>,
}

/// Attention below this share counts as this much, so that its logarithm stays finite.
const LEAST: f64 = 1e-6;

impl Guidance {
    /// What is wrong with it for a decoder of so many layers.
    pub(super) fn fault(&self, layers: usize) -> Option<&'static str> {
        if self.layers().into_iter().flatten().any(|layer| *layer >= layers) {
            return Some("looking names layers that the model has not");
        }
        let sound = self.weight.is_finite() && self.weight >= 0.0;
        (!sound).then_some("looking.weight must be 0 or more")
    }

    fn layers(&self) -> [&Vec<usize>; LOOKS] {
        [&self.names, &self.follow, &self.tell]
    }

    /// Adds to `astray` how far the `attention` of `layer`, `(batch, heads, length, length)`, is from
    /// where the looks of a batch say that it should be: the mean negative logarithm of what goes
    /// there, each kind of look apart, the mean over its layers.
    pub(super) fn add(
        &self,
        looks: &[Option<Looks>; LOOKS],
        layer: usize,
        attention: &Tensor,
        astray: &mut [Tensor; LOOKS],
    ) -> Result<()> {
        for ((looks, layers), astray) in looks.iter().zip(self.layers()).zip(astray) {
            if let Some(looks) = looks.as_ref().filter(|_| layers.contains(&layer)) {
                *astray = (&*astray + (away(looks, attention)? * (1.0 / layers.len() as f64))?)?;
            }
        }
        Ok(())
    }
}

fn away(looks: &Looks, attention: &Tensor) -> Result<Tensor> {
    let first = attention.narrow(1, 0, 1)?;
    let length = first.dim(D::Minus1)?;
    let of_rows = first.reshape(((), length))?.index_select(&looks.rows, 0)?;
    let share = (of_rows.to_dtype(looks.upon.dtype())? * &looks.upon)?.sum(D::Minus1)?;
    (share + LEAST)?.log()?.mean_all()?.neg()
}

/// The tokens that are a whole name, each with the number of the name in a lexicon.
#[derive(Debug, Clone)]
pub struct Names(BTreeMap<u32, usize>);

/// What a 3D token is, and what it stands on, by numbers of names.
struct Borne {
    at: usize,
    own: usize,
    on: Option<usize>,
}

impl Names {
    /// Of the names in `lexicon`. Names of several tokens are left out.
    ///
    /// # Errors
    ///
    /// When a name cannot be spelled.
    pub fn of(lexicon: &Lexicon, tokenizer: &Tokenizer) -> std::result::Result<Self, LearnError> {
        let mut names = BTreeMap::new();
        for (number, name) in lexicon.names().enumerate() {
            let encoding = tokenizer
                .encode_fast(format!(" {name}"), false)
                .map_err(|error| LearnError::Tokenizer(error.to_string()))?;
            if let [token] = encoding.get_ids() {
                names.insert(*token, number);
            }
        }
        Ok(Self(names))
    }

    /// Where positions of `row` should look, by kind ([`Guidance`]). A 3D token bears the name that it
    /// looks most like.
    pub fn looks(&self, row: &Encoded, lexicon: &Lexicon) -> [Vec<Look>; LOOKS] {
        let borne = borne(row, lexicon);
        let named: Vec<(usize, usize)> = (row.ids.iter().enumerate())
            .filter_map(|(at, token)| Some((at, *self.0.get(token)?)))
            .collect();
        let bearing = |wanted: &dyn Fn(&Borne) -> bool| -> Vec<usize> {
            borne.iter().filter(|b| wanted(b)).map(|b| b.at).collect()
        };
        let mut looks: [Vec<Look>; LOOKS] = Default::default();
        let mut look = |kind: usize, at: usize, upon: Vec<usize>| {
            if !upon.is_empty() && upon.iter().all(|other| *other <= at) {
                looks[kind].push(Look { at, upon });
            }
        };
        for (at, name) in &named {
            look(0, *at, bearing(&|b| b.own == *name));
        }
        for target in &row.targets {
            let (Some(told), Some(at)) = (self.0.get(&target.token), target.at.checked_sub(1))
            else {
                continue;
            };
            let before: Vec<(usize, usize)> =
                named.iter().take_while(|(other, _)| *other <= at).copied().collect();
            let said = |name: usize| before.iter().any(|(_, other)| *other == name);
            let stands = |name: usize| borne.iter().any(|b| b.own == name && b.on == Some(*told));
            let from = before.iter().filter(|(_, name)| stands(*name)).map(|(other, _)| *other);
            look(1, at, from.collect());
            let telling = bearing(&|b| {
                b.on == Some(*told) && said(b.own) || b.own == *told && b.on.is_some_and(said)
            });
            let any = || bearing(&|b| b.own == *told);
            look(2, at, if telling.is_empty() { any() } else { telling });
        }
        looks
    }
}

fn borne(row: &Encoded, lexicon: &Lexicon) -> Vec<Borne> {
    let mut borne = Vec::new();
    for (start, tokens) in &row.seen {
        for (at, feature) in tokens.features.chunks(tokens.width.max(1)).enumerate() {
            let Some(own) = lexicon.nearest(feature) else { continue };
            let on = feature.get(lexicon.width()..).and_then(|support| lexicon.nearest(support));
            borne.push(Borne { at: start + at, own, on });
        }
    }
    borne
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::batch::Target;
    use crate::learn::scenes::Thing;
    use crate::scene::{TokenFrame, VisualTokens};
    use crate::vision::WordHash;
    use candle_core::Device;

    fn lexicon() -> Lexicon {
        let thing = |category| Thing {
            id: 0,
            category,
            centre_m: [0.0; 3],
            size_m: [0.1; 3],
            rgb: [0.5; 3],
            on: None,
        };
        let things = ["apple", "countertop", "mug"].map(thing);
        Lexicon::of(&things, &WordHash::new(16).unwrap()).unwrap()
    }

    /// An apple on nothing, then a mug on a countertop.
    fn seen(lexicon: &Lexicon) -> VisualTokens {
        let vector = |name| lexicon.vector(lexicon.number(name).unwrap()).to_vec();
        let features = [vector("apple"), vec![0.0; 16], vector("mug"), vector("countertop")];
        VisualTokens {
            frame: TokenFrame::World,
            width: 32,
            features: features.concat(),
            xyz_m: vec![[0.0; 3]; 2],
            rgb: vec![[0.5; 3]; 2],
        }
    }

    #[test]
    fn names_look_at_what_bears_them_and_answers_at_names_and_at_what_tells_them() {
        let lexicon = lexicon();
        let number = |name| lexicon.number(name).unwrap();
        let names = Names(BTreeMap::from([
            (7, number("apple")),
            (8, number("countertop")),
            (9, number("mug")),
        ]));
        // What is seen, "mug", a word, and the answer "countertop".
        let row = Encoded {
            ids: vec![0, 0, 0, 9, 5, 8],
            answer_at: 5,
            targets: vec![Target { at: 5, token: 8, probability: 1.0, is_place: true }],
            seen: vec![(1, seen(&lexicon))],
            looks: Default::default(),
        };
        let [by_names, follow, tell] = names.looks(&row, &lexicon);
        assert_eq!(by_names, [Look { at: 3, upon: vec![2] }], "no countertop was seen");
        assert_eq!(follow, [Look { at: 4, upon: vec![3] }]);
        assert_eq!(tell, [Look { at: 4, upon: vec![2] }]);
        // A name before what is seen cannot look at it.
        let early = Encoded { ids: vec![9, 0, 0, 5, 5, 8], ..row };
        assert_eq!(names.looks(&early, &lexicon)[0], []);
    }

    #[test]
    fn attention_is_astray_by_the_logarithm_of_what_goes_where_it_should() {
        let looks = |rows: [u32; 2], upon: [[f32; 2]; 2]| Looks {
            rows: Tensor::new(&rows, &Device::Cpu).unwrap(),
            upon: Tensor::new(&upon, &Device::Cpu).unwrap(),
        };
        // Two samples of one head and two positions.
        let attention = [[[[1.0f32, 0.0], [0.25, 0.75]]], [[[1.0, 0.0], [0.5, 0.5]]]];
        let attention = Tensor::new(&attention, &Device::Cpu).unwrap();
        let guidance = Guidance { weight: 1.0, names: vec![0, 1], follow: vec![1], tell: vec![] };
        let batch = [Some(looks([1, 3], [[0.0, 1.0], [1.0, 1.0]])), None, None];
        let mut astray = [0.0f32; LOOKS].map(|zero| Tensor::new(zero, &Device::Cpu).unwrap());
        guidance.add(&batch, 0, &attention, &mut astray).unwrap();
        let [names, follow, _] = astray.map(|away| away.to_scalar::<f32>().unwrap());
        // Half of the mean of -ln 0.75 and -ln 1: the other layer is still to come.
        approx::assert_relative_eq!(names, -0.25 * 0.75f32.ln(), max_relative = 1e-4);
        assert_eq!(follow, 0.0);
    }
}
