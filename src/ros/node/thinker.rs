//! The thread that owns the model. It plans for the newest goal and answers questions, and waits for
//! nothing else; perception goes on meanwhile.

use super::desk::DeskRequest;
use super::inbox::Inbox;
use super::jobs::{Job, JobCell, Question, Work};
use super::map_request::MapRequest;
use super::newest::Newest;
use super::pilot::PilotRequest;
use super::text_stream::TextStream;
use super::view::View;
use crate::planner::PlannerConfig;
use crate::planner::follow::{
    FollowError, InstructionStep, by_rules, parse_instruction, understand,
};
use crate::tasks::{About, Answer, GoalPlanner, Inquiry, Mentioned, PlanRequest, SceneView};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How long the thread waits for what is seen; then it thinks without.
const PATIENCE: Duration = Duration::from_secs(5);

/// Thinks.
pub struct Thinker {
    pub planner: GoalPlanner,
    pub jobs: Arc<JobCell>,
    pub desk: Arc<Inbox<DeskRequest>>,
    pub pilot: Arc<Inbox<PilotRequest>>,
    pub map: Arc<Inbox<MapRequest>>,
    pub view: Arc<Newest<View>>,
    pub config: Arc<Newest<PlannerConfig>>,
    pub stream: TextStream,
    /// The things that plans have named.
    pub mentioned: Mentioned,
}

impl Thinker {
    /// Runs until the cell of jobs is closed; gives the model back.
    pub fn run(mut self) -> GoalPlanner {
        while let Some(work) = self.jobs.take() {
            match work {
                Work::Plan(job) => self.plan(&job),
                Work::Answer(Question::Ask(words, reply)) => {
                    let answer = self.answer(&words, None);
                    // Whoever asked may have gone.
                    let _ = reply.try_send(answer);
                }
                Work::Answer(Question::Say(words, turns)) => {
                    let answer = self.answer(&words, turns.as_deref());
                    if self.desk.ask(DeskRequest::Replied(answer)).is_err() {
                        tracing::debug!("a reply came too late");
                    }
                }
                Work::Answer(Question::Follow(number, words)) => {
                    let steps = self.understand(&words);
                    if self.pilot.ask(PilotRequest::Understood { number, steps }).is_err() {
                        tracing::debug!("an instruction was understood too late");
                    }
                }
            }
        }
        self.planner
    }

    fn plan(&mut self, Job { number, goal, held, so_far }: &Job) {
        let seen = self.look();
        let (view, config) = (self.view.get(), self.config.get());
        let objects = self.mentioned.with_held(&view.objects, *held, view.robot_m);
        let request = PlanRequest {
            goal,
            objects: &objects,
            robot_m: view.robot_m,
            heading_rad: view.heading_rad,
            held: *held,
            so_far,
            view: seen.as_ref(),
            frame_id: &config.sensing.world_frame,
            stamp_ns: view.stamp_ns,
            step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: config.plan.require_grounding,
        };
        let number = *number;
        let plan = self.planner.plan_aloud(&request, &mut |text| {
            self.stream.part(text);
            let text = self.stream.said().to_owned();
            let earlier = |waiting: &DeskRequest| matches!(waiting, DeskRequest::Said { .. });
            if self.desk.supersede(DeskRequest::Said { number, text }, earlier).is_err() {
                tracing::debug!("a part of a plan was not told: too many requests wait");
            }
            self.jobs.wants(number)
        });
        self.stream.end();
        self.mentioned.remember(&plan, &objects, *held);
        if self.desk.ask(DeskRequest::Planned { number, plan }).is_err() {
            tracing::debug!("a plan came too late");
        }
    }

    /// What a model that sees is shown now: the thread that keeps the map looks at it.
    fn look(&mut self) -> Option<SceneView> {
        let spec = self.planner.view_spec()?;
        let (reply, answer) = sync_channel(1);
        self.map.ask(MapRequest::View(spec, reply)).ok()?;
        let view = answer.recv_timeout(PATIENCE);
        view.unwrap_or_else(|_| {
            tracing::warn!("the model is not shown what is seen: the map is busy");
            None
        })
    }

    fn answer(&mut self, words: &str, turns: Option<&[[String; 2]]>) -> Result<Answer, String> {
        let seen = self.look();
        let (view, jobs) = (self.view.get(), &self.jobs);
        let mind = self.planner.mind().ok_or("the model answers no questions")?;
        let about = About::of(words);
        let objects = view.objects.as_slice();
        let inquiry = Inquiry { words, turns, about, view: seen.as_ref(), objects };
        mind.answer(&inquiry, &mut |_| !jobs.is_closed()).map_err(|error| error.to_string())
    }

    /// The steps of an instruction: of one that the rules and the map do not know, by the model.
    fn understand(&mut self, words: &str) -> Result<Vec<InstructionStep>, FollowError> {
        let objects = self.view.get().objects.clone();
        if let Some(steps) = by_rules(words, &objects) {
            return Ok(steps);
        }
        let seen = self.look();
        let Some(mind) = self.planner.mind() else { return parse_instruction(words) };
        understand(mind, words, seen.as_ref(), &objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MANIFEST_FILE;
    use crate::model::stand_in::ChatServer;
    use crate::planner::{Act, Executive};
    use crate::ros::node::clock::NodeClock;
    use crate::ros::node::inbox::Taken;
    use crate::ros::qos::Qos;
    use crate::ros::transport::{
        self, Opened, Publication, QosMismatch, Take, Transport, TransportError,
    };
    use crate::ros::{NodeNames, RosArguments};
    use crate::scene::fixtures::object;
    use crate::sensing::StepFeedback;
    use crate::tasks::Plan;
    use candle_core::Device;

    /// A transport on which nobody listens.
    struct Mute;

    impl Transport for Mute {
        fn subscribe(&self, _: &str, _: &str, _: Qos, _: Take) -> Result<Opened, TransportError> {
            Ok(Opened::new(()))
        }

        fn advertise(
            &self,
            _: &str,
            _: &str,
            _: Qos,
        ) -> Result<Arc<dyn Publication>, TransportError> {
            Ok(Arc::new(Self))
        }

        fn serve(&self, _: &str, _: &str, _: transport::Answer) -> Result<Opened, TransportError> {
            Ok(Opened::new(()))
        }

        fn mismatches(&self) -> Vec<QosMismatch> {
            Vec::new()
        }
    }

    impl Publication for Mute {
        fn publish(&self, _: Vec<u8>) -> Result<(), TransportError> {
            Ok(())
        }

        fn subscribers(&self) -> usize {
            0
        }
    }

    /// One who asks the server at `url`, over a map with two mugs.
    fn thinker(url: &str) -> Thinker {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = format!("{{url: '{url}', model: m, timeout_s: 30}}");
        let manifest = format!("kind: chat\nname: served\nendpoint: {endpoint}\n");
        std::fs::write(folder.path().join(MANIFEST_FILE), manifest).unwrap();
        let names = NodeNames::new(&RosArguments::default(), "planner").unwrap();
        let objects =
            vec![object(3, "mug", [1.0, 0.0, 0.5], 0.1), object(4, "mug", [2.0, 0.0, 0.5], 0.1)];
        Thinker {
            planner: GoalPlanner::load(folder.path(), &Device::Cpu).unwrap(),
            jobs: Arc::default(),
            desk: Arc::default(),
            pilot: Arc::default(),
            map: Arc::default(),
            view: Arc::new(Newest::new(View { objects, ..View::default() })),
            config: Arc::new(Newest::new(PlannerConfig::default())),
            stream: TextStream::open(&Mute, &names, &Arc::new(NodeClock::default())).unwrap(),
            mentioned: Mentioned::default(),
        }
    }

    /// The number of the request that is among `acts`, and the plan that is made for it.
    fn planned(thinker: &mut Thinker, acts: Vec<Act>) -> (u64, Plan) {
        let job = acts.into_iter().find_map(|act| match act {
            Act::Think { number, goal, held, so_far } => Some(Job { number, goal, held, so_far }),
            _ => None,
        });
        let job = job.expect("it thinks");
        thinker.jobs.put(job.clone());
        thinker.plan(&job);
        loop {
            match thinker.desk.take(Duration::ZERO) {
                Taken::Request(DeskRequest::Planned { number, plan }) => return (number, plan),
                Taken::Request(_) => {}
                _ => panic!("no plan"),
            }
        }
    }

    #[test]
    fn why_a_step_failed_is_told_to_the_model_that_plans_anew() {
        let take = |mug: &str| {
            let step = serde_json::json!({"action": "PickupObject", "object": mug});
            ChatServer::whole(&serde_json::json!({"steps": [step], "not_found": []}).to_string())
        };
        let server = ChatServer::start(vec![take("mug_3"), take("mug_4")]);
        let (mut thinker, mut executive) = (thinker(&server.url), Executive::default());
        let acts = executive.goal("bring a mug");
        let (number, plan) = planned(&mut thinker, acts);
        executive.planned(number, plan);
        let message = "it slipped out of the gripper".to_owned();
        let acts = executive.feedback(&StepFeedback { step_id: 1, success: false, message });
        let (number, plan) = planned(&mut thinker, acts.unwrap());
        assert!(executive.waits_for(number));
        let taken = plan.steps[0].arguments[0].grounding.bound().map(|(id, _)| id.0);
        assert_eq!(taken, Some(4), "{plan:?}");
        let requests = server.requests();
        let failed = "Failed: PickupObject mug_3 (it slipped out of the gripper)";
        let tells: Vec<bool> = requests.iter().map(|request| request.contains(failed)).collect();
        assert_eq!(tells, [false, true], "{requests:?}");
    }
}
