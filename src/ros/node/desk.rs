//! The thread that talks: goals, words and outcomes of steps in; plans, steps and words out.

use super::clock::NodeClock;
use super::diagnostics::Diagnostics;
use super::inbox::{Inbox, Taken, TopicIndex};
use super::input::{Input, Use};
use super::jobs::{Abilities, Job, JobCell, Question};
use super::map_request::MapRequest;
use super::newest::Newest;
use super::outlets::DeskOutlets;
use super::pilot::PilotRequest;
use super::plan_task::PlanTasks;
use super::talk::Talk;
use super::text_search::TextSearch;
use super::view::View;
use crate::planner::{Act, Command, Executive, Reply, StopCause, facts};
use crate::ros::action::{ActionRequest, Asked};
use crate::ros::{decode, from_cdr, msg, step_feedback};
use crate::scene::MapObject;
use crate::sensing::SensorEvent;
use crate::tasks::{self, ActionVocabulary, Answer, Plan, list_tells};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// How often the thread looks around when nothing comes.
const NAP: Duration = Duration::from_millis(100);
/// How long a person is let wait for the map.
const PATIENCE: Duration = Duration::from_secs(5);
const NOT_UNDERSTOOD: &str = "I can plan for household goals, tell of the plan, what is in the map, \
    where it is and how many there are, forget the map, and stop. I cannot answer that.";
const TOO_MUCH: &str =
    "I still think of what you asked before. Say that again when I have answered.";

/// What other threads tell the desk.
pub enum DeskRequest {
    /// So far the plan of job `number` says this.
    Said {
        /// Number of the job.
        number: u64,
        /// The model's words.
        text: String,
    },
    /// Job `number` became `plan`.
    Planned {
        /// Number of the job.
        number: u64,
        /// The plan, or a refusal.
        plan: Plan,
    },
    /// What the model replies to what a person said, or why it does not.
    Replied(Result<Answer, String>),
    /// A client of the action `~/plan_task`.
    PlanTask(ActionRequest),
}

/// Talks.
pub struct Desk {
    pub inbox: Arc<Inbox<DeskRequest>>,
    pub inputs: Vec<Arc<Input>>,
    pub outlets: DeskOutlets,
    pub tasks: PlanTasks,
    pub pilot: Arc<Inbox<PilotRequest>>,
    pub jobs: Arc<JobCell>,
    pub map: Arc<Inbox<MapRequest>>,
    pub view: Arc<Newest<View>>,
    /// The actions of plans, and what their words are.
    pub vocabulary: ActionVocabulary,
    /// Where texts can be compared with features of the map.
    pub search: Option<TextSearch>,
    pub clock: Arc<NodeClock>,
    pub diagnostics: Diagnostics,
    pub frame_id: String,
}

impl Desk {
    /// Runs until the inbox is closed and its requests are answered; then gives up the goal, so that
    /// nobody follows a plan that nobody watches.
    pub fn run(mut self) {
        let (mut executive, mut talk) = (Executive::default(), Talk::default());
        let mut told_at: Option<Instant> = None;
        loop {
            let acts = match talk.due(Instant::now()) {
                Some(words) => self.hear(&words, &mut executive, &mut talk),
                None => match self.take(&mut executive, &mut talk) {
                    Some(acts) => acts,
                    None => break,
                },
            };
            self.act(acts, &executive);
            let period = self.diagnostics.period();
            if told_at.is_none_or(|at| at.elapsed() >= period) {
                told_at = Some(Instant::now());
                let (view, now_ns) = (self.view.get(), self.clock.now_ns());
                let message = self.diagnostics.look(&view, &executive, now_ns);
                self.outlets.diagnostics(&message);
            }
        }
        let acts = executive.stop(StopCause::Shutdown).into_iter();
        let last = acts.filter(|act| matches!(act, Act::Withdraw { .. } | Act::End { .. }));
        self.act(last.collect(), &executive);
    }

    /// What the next that comes asks to be done; `None` once the inbox is closed.
    fn take(&mut self, executive: &mut Executive, talk: &mut Talk) -> Option<Vec<Act>> {
        let taken = self.inbox.take(NAP);
        // First: what came is about the map of now, in which an id may be that of another thing.
        self.look(executive);
        Some(match taken {
            Taken::Closed => return None,
            Taken::Nothing => Vec::new(),
            Taken::Request(DeskRequest::Said { number, text }) => {
                if executive.waits_for(number) {
                    self.tasks.said(text, &executive.progress());
                }
                Vec::new()
            }
            Taken::Request(DeskRequest::Planned { number, plan }) => {
                if executive.waits_for(number) {
                    let acts = Reply::Plan(plan.clone()).words();
                    talk.dialogue.replied(&plan.goal, &acts, &self.view.get().objects);
                }
                executive.planned(number, plan)
            }
            Taken::Request(DeskRequest::Replied(answer)) => {
                talk.answered();
                if let Ok(Answer { question, words, .. }) = &answer {
                    talk.dialogue.replied(question, words, &self.view.get().objects);
                }
                vec![Act::Say(reply(answer))]
            }
            Taken::Request(DeskRequest::PlanTask(request)) => {
                self.plan_task(request, executive, talk)
            }
            Taken::Message(topic, cdr) => self.message(topic, &cdr, executive, talk),
        })
    }

    /// Holds the open plan against the map of now.
    fn look(&mut self, executive: &mut Executive) {
        let view = self.view.get();
        let View { map, objects, robot_m, stamp_ns, .. } = &*view;
        let acts = executive.in_map(*map);
        self.act(acts, executive);
        let acts = executive.look(objects, *robot_m, *stamp_ns, &self.vocabulary);
        self.act(acts, executive);
    }

    fn plan_task(
        &mut self,
        request: ActionRequest,
        executive: &mut Executive,
        talk: &mut Talk,
    ) -> Vec<Act> {
        match self.tasks.answer(request, self.clock.now_ns()) {
            Asked::Begin(id, goal) => {
                let before = executive.preempt();
                self.act(before, executive);
                self.tasks.begin(id, goal.plan_only);
                self.set_goal(&goal.goal, executive, talk)
            }
            Asked::GiveUp(ids) if self.tasks.is_current(&ids) => executive.stop(StopCause::Client),
            Asked::GiveUp(_) | Asked::Nothing => Vec::new(),
        }
    }

    fn message(
        &self,
        topic: TopicIndex,
        cdr: &[u8],
        executive: &mut Executive,
        talk: &mut Talk,
    ) -> Vec<Act> {
        let Some(input) = self.inputs.iter().find(|input| input.index == topic) else {
            return Vec::new();
        };
        match input.used {
            Use::StepFeedback => match from_cdr::<msg::StepFeedback>(cdr) {
                Err(error) => input.fault(format!("{}: {error}", input.topic)),
                Ok(message) => match executive.feedback(&step_feedback(message)) {
                    Ok(acts) => return acts,
                    Err(reason) => input.fault(format!("{}: not used: {reason}", input.topic)),
                },
            },
            Use::Instruction => match from_cdr::<msg::StringMsg>(cdr) {
                Err(error) => input.fault(format!("{}: {error}", input.topic)),
                Ok(words) => self.tell_pilot(PilotRequest::Instruction(words.data)),
            },
            Use::Event(role) => match decode(role, &input.topic, input.type_name, cdr) {
                Err(error) => input.fault(error.to_string()),
                Ok(SensorEvent::Goal(goal)) => return self.set_goal(&goal, executive, talk),
                Ok(SensorEvent::Utterance(words)) => {
                    let (view, now) = (self.view.get(), Instant::now());
                    if !talk.must_wait(&words, &view.objects, &self.vocabulary, now) {
                        if matches!(Command::of(&words), Command::Goal(_)) {
                            talk.drop_goals();
                        }
                        return self.hear(&words, executive, talk);
                    }
                    if !talk.wait(words) {
                        return vec![Act::Say(TOO_MUCH.into())];
                    }
                }
                Ok(_) => {}
            },
        }
        Vec::new()
    }

    /// Begins with a goal that did not come as a sentence of the dialogue.
    fn set_goal(&self, goal: &str, executive: &mut Executive, talk: &mut Talk) -> Vec<Act> {
        talk.drop_goals();
        talk.dialogue.note(goal, &self.view.get().objects);
        executive.goal(goal)
    }

    /// Does what a person says, after what was said before.
    fn hear(&self, words: &str, executive: &mut Executive, talk: &mut Talk) -> Vec<Act> {
        match talk.dialogue.hear(words, &self.view.get().objects, &self.vocabulary) {
            Ok(meant) => self.utterance(&meant, executive, talk),
            Err(unresolved) => vec![Act::Say(unresolved.to_string())],
        }
    }

    /// Does what `words` ask for, which stand for themselves.
    fn utterance(&self, words: &str, executive: &mut Executive, talk: &mut Talk) -> Vec<Act> {
        let view = self.view.get();
        let command = Command::of(words);
        // What the list of objects can answer, it answers; the model the rest.
        let is_open = match &command {
            Command::Count(name) => facts::count(&view.objects, name).is_none(),
            command => matches!(command, Command::NotUnderstood),
        };
        if is_open && self.ask_model(words, talk, &view.objects) {
            return Vec::new();
        }
        // What is said with ids and positions, who is told of the dialogue later reads in plain words.
        let mut plain = None;
        let tell = |asked| list_tells(&asked, &view.objects, &self.vocabulary);
        let said = match command {
            Command::Stop => {
                self.tell_pilot(PilotRequest::Stop);
                talk.drop_all();
                let acts = executive.stop(StopCause::Word);
                talk.dialogue.replied(words, &Act::words(&acts), &view.objects);
                return acts;
            }
            Command::Goal(goal) => return executive.goal(&goal),
            Command::Describe => {
                format!("I see in the map: {}", facts::describe(&view.objects, 0).words)
            }
            Command::Where(name) => {
                let known = match facts::is_robot(&name) {
                    true => Some(facts::standing(view.robot_m, &self.frame_id)),
                    false => facts::whereabouts(&view.objects, &name, &self.frame_id),
                };
                let found =
                    match known.or_else(|| self.search.as_ref()?.whereabouts(&name, PATIENCE)) {
                        Some(fact) => fact.words,
                        None => facts::unknown(&view.objects, &name),
                    };
                plain = tell(tasks::Asked::Place(name));
                match &plain {
                    Some(place) => format!("{place}: {found}"),
                    None => found,
                }
            }
            Command::Count(name) => match facts::count(&view.objects, &name) {
                Some(count) => {
                    let count = format!("{name}: {}", count.words);
                    plain = tell(tasks::Asked::Number(name));
                    count
                }
                None => NOT_UNDERSTOOD.into(),
            },
            Command::Plan(question) => question.answer(executive),
            Command::Courtesy(reply) => reply.to_owned(),
            Command::ForgetMap => self.forget_map(),
            Command::NotUnderstood => NOT_UNDERSTOOD.into(),
        };
        talk.dialogue.replied(words, plain.as_deref().unwrap_or(&said), &view.objects);
        vec![Act::Say(said)]
    }

    /// Has the model answer, if it can; whether it does.
    fn ask_model(&self, words: &str, talk: &mut Talk, objects: &[MapObject]) -> bool {
        let Abilities { asks, talks, .. } = self.jobs.abilities;
        let history = talk.dialogue.history(words, objects).filter(|_| talks);
        // To who was taught no questions they are talk.
        let turns = history.or_else(|| (!asks).then(|| talk.dialogue.turns()));
        let is_asked =
            (asks || talks) && self.jobs.ask(Question::Say(words.to_owned(), turns)).is_ok();
        if is_asked {
            talk.ask(Instant::now());
        }
        is_asked
    }

    fn tell_pilot(&self, request: PilotRequest) {
        if self.pilot.ask(request).is_err() {
            tracing::warn!("an instruction was lost: too many wait");
        }
    }

    fn forget_map(&self) -> String {
        let (reply, answer) = sync_channel(1);
        if self.map.ask(MapRequest::Reset(reply)).is_err() {
            return "I am too busy to forget the map".into();
        }
        match answer.recv_timeout(PATIENCE) {
            Ok(counts) => {
                format!("map forgotten: {} voxels, {} objects", counts.voxels, counts.objects)
            }
            Err(_) => "the map will be forgotten as soon as there is time".into(),
        }
    }

    fn act(&mut self, acts: Vec<Act>, executive: &Executive) {
        let progress = executive.progress();
        for act in acts {
            self.tasks.tell(&act, &progress, self.clock.now_ns());
            match act {
                Act::End { .. } => {}
                Act::Think { number, goal, held, so_far } => {
                    tracing::info!("goal: {goal}");
                    self.jobs.put(Job { number, goal, held, so_far });
                }
                Act::Publish(plan) => self.outlets.plan(&plan),
                Act::Step(step) => self.outlets.step(&step),
                Act::Withdraw { goal, reason } => {
                    self.jobs.forget();
                    let now_ns = self.clock.now_ns();
                    self.outlets.withdraw(&goal, &reason, now_ns, &self.frame_id);
                }
                Act::Say(words) => {
                    tracing::info!("{words}");
                    self.outlets.say(&words);
                }
            }
        }
    }
}

/// A reply of the model as it is said.
fn reply(answer: Result<Answer, String>) -> String {
    match answer {
        Ok(Answer { unknown: Some(reason), words, .. }) => format!("{words}: {reason}"),
        Ok(Answer { words, .. }) => words,
        Err(reason) => format!("I cannot answer that: {reason}"),
    }
}
