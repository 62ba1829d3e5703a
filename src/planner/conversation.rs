//! A person and the robot, turn after turn, for whoever has map and model at hand.
//!
//! The node answers in the same way from threads of its own: what "it" means tells [`Dialogue`], what is
//! wanted [`Command`], what the work is at [`Executive`], and all else the list of objects or the model.

use super::plan_question::{in_words, told};
use super::{Act, Command, Dialogue, Executive, StopCause, Unresolved, facts};
use crate::model::PromptKind;
use crate::scene::MapObject;
use crate::tasks::{
    About, ActionVocabulary, Answer, DO_NOT_KNOW, GoalPlanner, Inquiry, Plan, PlanRequest,
    PlanningError, SceneMind,
};

/// What is said to who wants a map forgotten that is not the conversation's own.
const MAP_IS_KEPT: &str = "this map is kept";

/// What the robot does about what was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It says something that needs neither map nor model.
    Words(String),
    /// It answers a question.
    Answer(Answer),
    /// It has a plan now, or says why not.
    Plan(Plan),
}

impl Reply {
    /// What it says.
    pub fn words(&self) -> String {
        match self {
            Self::Words(words) => words.clone(),
            Self::Answer(answer) => answer.words.clone(),
            Self::Plan(Plan { refusal: Some(refusal), .. }) => format!("no plan: {refusal}"),
            Self::Plan(plan) => told(&in_words(&plan.steps, 0), "nothing is to be done"),
        }
    }
}

/// What was said, and what is worked on.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    dialogue: Dialogue,
    executive: Executive,
}

impl Conversation {
    /// What `words` mean after what was said before; `objects` are those of the map, `vocabulary` has the
    /// words of plans. See [`Dialogue::hear`].
    ///
    /// # Errors
    ///
    /// When they speak of a thing that nobody named, or that cannot be what it is taken for.
    pub fn hear(
        &mut self,
        words: &str,
        objects: &[MapObject],
        vocabulary: &ActionVocabulary,
    ) -> Result<String, Unresolved> {
        self.dialogue.hear(words, objects, vocabulary)
    }

    /// The robot has a thing called `name` in its hand: "it", as long as nothing was named.
    pub fn hold(&mut self, name: &str) {
        self.dialogue.hold(name);
    }

    /// Does what words that mean `meant` ask for, from what is `known`, whose goal is not read. `None`
    /// where it is a question about the scene, and the model answers none.
    ///
    /// # Errors
    ///
    /// When the model fails.
    pub fn respond(
        &mut self,
        meant: &str,
        known: &PlanRequest<'_>,
        planner: &mut GoalPlanner,
    ) -> Result<Option<Reply>, PlanningError> {
        let reply = match Command::of(meant) {
            Command::Plan(question) => Reply::Words(question.answer(&self.executive)),
            Command::Courtesy(words) => Reply::Words(words.to_owned()),
            Command::Stop => Reply::Words(Act::words(&self.executive.stop(StopCause::Word))),
            Command::ForgetMap => Reply::Words(MAP_IS_KEPT.to_owned()),
            Command::Goal(goal) => Reply::Plan(self.plan(&goal, known, planner)),
            Command::Where(name) if facts::is_robot(&name) => {
                Reply::Words(facts::standing(known.robot_m, known.frame_id).words)
            }
            command @ (Command::Describe
            | Command::Where(_)
            | Command::Count(_)
            | Command::NotUnderstood) => {
                let mind = planner.mind().filter(|mind| mind.can(PromptKind::Ask));
                let Some(mind) = mind else { return Ok(None) };
                let (view, objects) = (known.view, known.objects);
                let history = self.dialogue.history(meant, objects);
                let turns = history.as_deref().filter(|_| mind.can(PromptKind::Say));
                let about = About::of(meant);
                let inquiry = Inquiry { words: meant, turns, about, view, objects };
                let listed = match &command {
                    Command::Where(name) => place(name, &inquiry, mind, known.frame_id),
                    _ => None,
                };
                Reply::Answer(match listed {
                    Some(answer) => answer,
                    None => mind.answer(&inquiry, &mut |_| true)?,
                })
            }
        };
        self.replied(meant, &reply.words(), known.objects);
        Ok(Some(reply))
    }

    /// Remembers what somebody else replied to words that mean `meant`.
    pub fn replied(&mut self, meant: &str, words: &str, objects: &[MapObject]) {
        self.dialogue.replied(meant, words, objects);
    }

    /// What is worked on; whoever acts tells it how steps ended.
    pub fn executive(&mut self) -> &mut Executive {
        &mut self.executive
    }

    fn plan(&mut self, goal: &str, known: &PlanRequest<'_>, planner: &mut GoalPlanner) -> Plan {
        let asked = self.executive.goal(goal).into_iter().find_map(|act| match act {
            Act::Think { number, held, .. } => Some((number, held)),
            _ => None,
        });
        let (number, held) = asked.unwrap_or_default();
        let request = PlanRequest { goal, held: held.or(known.held), ..known.clone() };
        let plan = planner.plan(&request);
        self.executive.planned(number, plan.clone());
        plan
    }
}

/// Where the things called `name` are, as the list of objects tells. What stands on nothing or in several
/// places is told by position, and what is not on the list is not known: a model would say where such things
/// usually are. `None` where no object has a name.
fn place(name: &str, inquiry: &Inquiry<'_>, mind: &SceneMind, frame_id: &str) -> Option<Answer> {
    if let Some(told) = mind.tell(inquiry) {
        return Some(told);
    }
    if inquiry.objects.iter().all(|object| object.label.is_empty()) {
        return None;
    }
    let (words, objects, unknown) = match facts::whereabouts(inquiry.objects, name, frame_id) {
        Some(fact) => (fact.words, fact.objects, None),
        None => (DO_NOT_KNOW.to_owned(), Vec::new(), Some(facts::unknown(inquiry.objects, name))),
    };
    Some(Answer {
        question: inquiry.words.to_owned(),
        words,
        unknown,
        objects,
        mean_log_probability: None,
        model: mind.name().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::fixtures::object;
    use crate::tasks::fixtures::{plan, request};
    use candle_core::Device;
    use std::path::Path;

    #[test]
    fn a_plan_is_told_by_its_acts() {
        let told = |lines: &[&str]| Reply::Plan(plan("tidy", lines)).words();
        assert_eq!(told(&["GotoLocation mug", "PickupObject mug"]), "i take the mug");
        assert_eq!(told(&[]), "nothing is to be done");
    }

    #[test]
    fn where_things_are_the_list_tells_and_nobody_invents() {
        let model = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
        let mut planner = GoalPlanner::load(model, &Device::Cpu).unwrap();
        let objects = [
            object(1, "countertop", [0.0, 0.0, 0.5], 1.0),
            object(2, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(3, "plate", [0.1, 0.2, 1.05], 0.1),
            object(4, "plate", [5.1, 0.0, 0.9], 0.05),
        ];
        let robot_m = [1.0, 2.0, 0.0];
        let known = PlanRequest { objects: &objects, robot_m, step_expiry_ns: 1, ..request("") };
        let mut talk = Conversation::default();
        let mut say = |words: &str| {
            let meant = talk.hear(words, &objects, planner.vocabulary()).unwrap();
            talk.respond(&meant, &known, &mut planner).unwrap().unwrap()
        };
        let fridge = say("where is the fridge").words();
        assert_eq!(fridge, "fridge #2 at (5.00, 0.00, 1.00) m in map");
        let plates = say("where are the plates").words();
        assert!(plates.starts_with("2 of them in map: plate #3 at"), "{plates}");
        assert_eq!(say("where are you").words(), "i am at (1.00, 2.00, 0.00) m in map");
        for name in ["unicorn", "television"] {
            let Reply::Answer(answer) = say(&format!("where is the {name}?")) else { panic!() };
            assert_eq!((answer.words.as_str(), answer.objects.len()), (DO_NOT_KNOW, 0));
            let reason = format!("nothing in the map is called \"{name}\"");
            assert_eq!(answer.unknown, Some(reason));
        }
        assert_eq!(say("how many unicorns are there").words(), "none");
        // Who asks politely is told from the list, too.
        assert_eq!(say("could you count the plates, please?").words(), "two");
        assert_eq!(say("how many plates are in the fridge").words(), "one");
        assert_eq!(say("can you tell me where the fridge is?").words(), fridge);
        assert_eq!(say("can you see a plate?").words(), "yes");
    }

    #[test]
    fn a_talk_goes_on_from_what_was_said() {
        let model = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/nano"));
        let mut planner = GoalPlanner::load(model, &Device::Cpu).unwrap();
        let objects = [
            object(1, "countertop", [0.0, 0.0, 0.5], 1.0),
            object(2, "fridge", [5.0, 0.0, 1.0], 2.0),
            object(3, "mug", [0.1, 0.2, 1.05], 0.1),
            object(4, "egg", [5.1, 0.0, 0.9], 0.05),
        ];
        let known = PlanRequest { objects: &objects, step_expiry_ns: 1, ..request("") };
        let mut talk = Conversation::default();
        let mut say = |words: &str| match talk.hear(words, &objects, planner.vocabulary()) {
            Ok(meant) => talk.respond(&meant, &known, &mut planner).unwrap().unwrap().words(),
            Err(unresolved) => unresolved.to_string(),
        };
        assert!(say("where is it?").contains("Nothing was named yet"));
        for (words, reply) in [
            ("hello", "hello"),
            ("Is there a mug?", "yes"),
            ("where?", "on the countertop"),
            ("is it in the fridge", "no"),
            ("and the egg?", "yes"),
            ("what are you doing", "nothing: no goal is set"),
            ("where is the mug", "on the countertop"),
        ] {
            assert_eq!(say(words), reply, "{words}");
        }
        // A fridge is not what can be put somewhere.
        say("where is the fridge");
        let plan = say("please put it in the fridge");
        assert!(plan.starts_with("i take the mug"), "{plan}");
        assert_eq!(say("what is the plan?"), plan);
        assert_eq!(say("why?"), "the goal is \"put the mug in the fridge\"");
        assert_eq!(say("thanks"), "you are welcome");
        assert_eq!(say("stop"), "stopped: \"put the mug in the fridge\"");
        assert_eq!(say("what is left"), "nothing: no goal is set");
        assert_eq!(say("forget the map"), "this map is kept");
    }
}
