//! A goal in a person's words becomes a typed plan.

use super::chat::{AnswerError, ChatPlanner};
use super::grammar::{GrammarError, MAX_STEPS};
use super::scene_mind::SceneMind;
use super::scene_planner::ScenePlanner;
use super::view::{SceneView, ViewSpec};
use super::writer::{PlanWriter, Sight, SpokenPlan};
use super::{ActionVocabulary, Grounding, Plan, PlanStep, Refusal, SoFar, VocabularyError};
use crate::model::{ModelError, ModelKind};
use crate::scene::{MapObject, ObjectId};
use crate::vision::TextEncoder;
use candle_core::Device;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest goal that is read, bytes; the model's own limit is counted in tokens.
const MAX_GOAL_BYTES: usize = 4096;

/// What can go wrong while a planner is loaded, plans, or talks.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    /// The model folder cannot be used, or the model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The vocabulary of the model folder cannot be used.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The reader whose judgement should count as well knows other words.
    #[error("the prior {}: `{}`: {reason}", folder.display(), acts.escape_debug())]
    Prior {
        /// Its folder.
        folder: PathBuf,
        /// What is done by one of its meanings.
        acts: String,
        /// What the vocabulary of the model that it belongs to has against that.
        reason: String,
    },
    /// The tokenizer of the model cannot write plans.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// The answer of a chat model is no plan.
    #[error("the model's answer is no plan: {0}")]
    Answer(#[from] AnswerError),
    /// The listener wanted no more.
    #[error("interrupted")]
    Interrupted,
    /// The model went on until a plan may have no further step: it goes round in circles.
    #[error("the model's plan has no end after {MAX_STEPS} steps")]
    Endless,
    /// The search gave no whole answer, which its grammar and length should not allow.
    #[error("the model found no end within {tokens} tokens; raise decoding.max_tokens")]
    Unfinished {
        /// Tokens allowed.
        tokens: usize,
    },
}

/// What a plan is asked for, and what it may rest on.
#[derive(Debug, Clone)]
pub struct PlanRequest<'a> {
    /// The goal in a person's words.
    pub goal: &'a str,
    /// Objects of the map.
    pub objects: &'a [MapObject],
    /// Where the robot is, in the world frame, metres.
    pub robot_m: [f64; 3],
    /// Where it looks, from the world's x axis to the left, radians; `None` where that is not known.
    pub heading_rad: Option<f64>,
    /// What the robot holds, where that is known.
    pub held: Option<ObjectId>,
    /// What was tried for the goal before; [`SoFar::nothing`] where it is new.
    pub so_far: &'a SoFar,
    /// What a model that sees is shown.
    pub view: Option<&'a SceneView>,
    /// Name of the world frame.
    pub frame_id: &'a str,
    /// Time of the newest observation, nanoseconds.
    pub stamp_ns: i64,
    /// How long after it a step may be started, nanoseconds.
    pub step_expiry_ns: i64,
    /// Whether a word that is not in the map makes the plan a refusal.
    pub require_grounding: bool,
}

/// A model that plans.
pub struct GoalPlanner {
    writer: Box<dyn PlanWriter>,
    encoder: Option<Arc<dyn TextEncoder>>,
}

impl GoalPlanner {
    /// Loads the model folder `folder` onto `device`, of whatever kind it is.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PlanningError> {
        let writer: Box<dyn PlanWriter> = match ModelKind::of(folder)? {
            ModelKind::SceneLlm => Box::new(ScenePlanner::load(folder, device)?),
            ModelKind::Chat => Box::new(ChatPlanner::load(folder, device)?),
        };
        Ok(Self { writer, encoder: None })
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        self.writer.name()
    }

    /// What it knows of the world.
    pub fn sight(&self) -> Sight {
        self.writer.sight()
    }

    /// Gives a planner an encoder of texts. Where one that reads the list of objects finds it too long,
    /// what the goal means decides with its words and the distance what is left out; one that sees goes
    /// where what looks like the thing stands.
    pub fn set_text_encoder(&mut self, encoder: Arc<dyn TextEncoder>) {
        self.writer.set_text_encoder(Arc::clone(&encoder));
        self.encoder = Some(encoder);
    }

    /// The encoder of texts that it was given, for others who compare texts with the same features.
    pub fn text_encoder(&self) -> Option<&Arc<dyn TextEncoder>> {
        self.encoder.as_ref()
    }

    /// What it is to be shown; `None` where it looks at nothing.
    pub fn view_spec(&mut self) -> Option<ViewSpec> {
        self.mind()?.view_spec()
    }

    /// The Scene-LLM behind it, which can do more than plan; `None` where there is none.
    pub fn mind(&mut self) -> Option<&mut SceneMind> {
        self.writer.mind()
    }

    /// Its actions and words.
    pub fn vocabulary(&self) -> &ActionVocabulary {
        self.writer.vocabulary()
    }

    /// A typed plan, grounded as far as the map allows, or a typed refusal. Never fails: what goes
    /// wrong stands in the refusal.
    pub fn plan(&mut self, request: &PlanRequest<'_>) -> Plan {
        self.plan_aloud(request, &mut |_| true)
    }

    /// The same, while the words of the plan go to `on_text` as soon as nothing can take them back:
    /// those on which all plans of the search agree. It is asked at every step of the model, if need
    /// be with no words, and ends the planning by returning `false`.
    pub fn plan_aloud(
        &mut self,
        request: &PlanRequest<'_>,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Plan {
        let mut plan = Plan {
            goal: request.goal.to_string(),
            frame_id: request.frame_id.to_string(),
            stamp_ns: request.stamp_ns,
            task: None,
            model: self.writer.name().to_string(),
            mean_log_probability: None,
            shown: None,
            saw: None,
            steps: Vec::new(),
            unnamed: Vec::new(),
            undone: Vec::new(),
            refusal: None,
        };
        if let Some(reason) = fault_of(request.goal) {
            plan.refusal = Some(Refusal::BadGoal { reason });
            return plan;
        }
        let written = match self.writer.write(request, on_text) {
            Ok(written) => written,
            Err(error) => {
                plan.refusal = Some(Refusal::ModelFailed { reason: error.to_string() });
                return plan;
            }
        };
        plan.task = written.task;
        plan.mean_log_probability = written.mean_log_probability;
        plan.shown = written.shown;
        plan.saw = written.saw;
        if !written.missing.is_empty() {
            plan.refusal = Some(Refusal::NotFound { names: written.missing });
            return plan;
        }
        plan.steps = (1..)
            .zip(written.steps)
            .map(|(id, (action, arguments))| PlanStep {
                id,
                action,
                arguments,
                expires_ns: request.stamp_ns.saturating_add(request.step_expiry_ns),
            })
            .collect();
        if request.require_grounding {
            let names = missing(&plan);
            if !names.is_empty() {
                plan.steps.clear();
                plan.refusal = Some(Refusal::NotFound { names });
                return plan;
            }
        }
        plan.unnamed = plan.added(self.writer.vocabulary());
        plan.undone = plan.untouched(request.so_far, self.writer.vocabulary());
        plan
    }

    /// The likeliest plan for `goal` in the words of `vocabulary`, bound to no map. A model that
    /// sees takes `view` in.
    pub fn speak(
        &mut self,
        goal: &str,
        view: Option<&SceneView>,
        vocabulary: &ActionVocabulary,
    ) -> Result<SpokenPlan, PlanningError> {
        self.writer.speak(goal, view, vocabulary)
    }
}

fn fault_of(goal: &str) -> Option<String> {
    if goal.trim().is_empty() {
        return Some("it is empty".into());
    }
    (goal.len() > MAX_GOAL_BYTES)
        .then(|| format!("it has {} bytes, at most {MAX_GOAL_BYTES} are read", goal.len()))
}

/// Words of the plan that are bound to nothing, each once.
fn missing(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for argument in plan.steps.iter().flat_map(|step| &step.arguments) {
        let bound = matches!(argument.grounding, Grounding::Grounded { .. });
        if !bound && !names.contains(&argument.name) {
            names.push(argument.name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Region;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::{request, spoken};
    use crate::tasks::{SpokenStep, parse_plan};
    use crate::vision::WordHash;

    #[test]
    fn goals_that_cannot_be_read_are_refused_with_a_reason() {
        assert!(fault_of(" \n").is_some_and(|reason| reason.contains("empty")));
        assert!(fault_of(&"a".repeat(5000)).is_some_and(|reason| reason.contains("5000 bytes")));
        assert_eq!(fault_of("put the mug away"), None);
    }

    #[test]
    fn a_plan_goes_where_the_thing_is_now_and_tells_what_is_seen_now() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
        let mut planner = GoalPlanner::load(folder, &Device::Cpu).unwrap();
        let spec = planner.view_spec().unwrap();
        let words = WordHash::new(spec.width).unwrap();
        let region = |name: &str, centre_m: [f64; 3], size_m: [f64; 3], on| Region {
            name: 0,
            score: 1.0,
            feature: words.embed(name).unwrap(),
            centre_m,
            size_m,
            rgb: [0.5; 3],
            voxels: 9,
            on,
            seen_ns: [0, 0],
        };
        let mug = |centre_m, on: usize| region("mug", centre_m, [0.08, 0.1, 0.1], Some(on));
        let furniture = [
            region("diningtable", [2.0, 0.0, 0.4], [0.8, 1.2, 0.75], None),
            region("shelf", [-2.0, 1.0, 1.1], [0.3, 0.8, 0.1], None),
            region("coffeemachine", [0.0, 3.0, 1.0], [0.25, 0.25, 0.3], None),
        ];
        let names = ["diningtable", "shelf", "coffeemachine"];
        // The same home, the mug on one of its pieces and before the camera.
        let mut plan = |holder: usize| {
            let [x, y, z] = furniture[holder].centre_m;
            let mug_m = [x, y, z + 0.5 * furniture[holder].size_m[2] + 0.05];
            let scene = [&[mug(mug_m, 1 + holder)][..], &furniture].concat();
            let below = Region { centre_m: [0.0, 0.5, 1.4], ..furniture[holder].clone() };
            let frame = [mug([0.0, 0.2, 1.2], 1), below];
            let view = SceneView::of_regions(&scene, Some(&frame), &spec);
            let pieces = (1..).zip(names).zip(&furniture);
            let mut objects: Vec<MapObject> =
                pieces.map(|((id, name), piece)| object(id, name, piece.centre_m, 0.3)).collect();
            objects.push(object(9, "mug", mug_m, 0.1));
            let plan = planner.plan(&PlanRequest {
                objects: &objects,
                view: Some(&view),
                ..request("put a mug in the coffee maker")
            });
            let way = format!("GotoLocation {}", names[holder]);
            assert_eq!(plan.steps[0].spoken(), spoken(&way), "{plan:?}");
            assert_eq!(plan.steps[1].spoken(), spoken("PickupObject mug"));
            assert_eq!(plan.steps[1].target_position_m(), Some(mug_m));
            plan.saw.unwrap()
        };
        let (before, after) = (plan(0), plan(1));
        assert!(before.starts_with("i saw ") && after.starts_with("i saw "), "{before}; {after}");
        assert_ne!(before, after);
    }

    #[test]
    fn a_plan_is_said_while_it_is_made_and_can_be_interrupted() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
        let mut planner = GoalPlanner::load(folder, &Device::Cpu).unwrap();
        let request = request("put a chilled tomato in the microwave");
        let mut parts = Vec::new();
        let plan = planner.plan_aloud(&request, &mut |text| {
            parts.extend((!text.is_empty()).then(|| text.to_owned()));
            true
        });
        let said = parse_plan(&parts.concat(), planner.vocabulary()).unwrap();
        let actions = |steps: &[SpokenStep]| -> Vec<String> {
            steps.iter().map(|step| step.action.clone()).collect()
        };
        let planned: Vec<_> = plan.steps.iter().map(|step| step.action.clone()).collect();
        assert_eq!(actions(&said), planned);
        assert!(parts.len() > 1, "it comes in parts: {parts:?}");

        let mut left = 5;
        let plan = planner.plan_aloud(&request, &mut |_| {
            left -= 1;
            left > 0
        });
        assert_eq!(left, 0, "nobody is asked again after a no");
        let interrupted = PlanningError::Interrupted.to_string();
        assert_eq!(plan.refusal, Some(Refusal::ModelFailed { reason: interrupted }));
    }
}
