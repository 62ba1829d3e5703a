//! The thread that owns the planner model. It works on the newest request and waits for nothing
//! else; perception goes on meanwhile.

use super::desk::DeskRequest;
use super::inbox::Inbox;
use super::map_request::MapRequest;
use super::newest::Newest;
use super::text_stream::TextStream;
use super::view::View;
use crate::planner::PlannerConfig;
use crate::scene::ObjectId;
use crate::tasks::{GoalPlanner, PlanRequest, SceneView, ViewSpec};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long it waits for what the model is shown.
const VIEW_WAIT: Duration = Duration::from_secs(2);

/// A goal to plan for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Comes back with the plan.
    pub number: u64,
    /// The goal.
    pub goal: String,
    /// What the robot holds, where that is known.
    pub held: Option<ObjectId>,
}

/// Where the newest job waits. An older one that was not begun is overwritten.
#[derive(Default)]
pub struct JobCell {
    state: Mutex<Jobs>,
    ready: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: Option<Job>,
    /// Number of the job whose plan is of use; those before it are interrupted.
    wanted: Option<u64>,
    closed: bool,
}

impl JobCell {
    /// Puts a job in.
    pub fn put(&self, job: Job) {
        let mut jobs = self.lock();
        jobs.wanted = Some(job.number);
        jobs.waiting = Some(job);
        drop(jobs);
        self.ready.notify_all();
    }

    /// No plan is of use any more.
    pub fn forget(&self) {
        let mut jobs = self.lock();
        (jobs.waiting, jobs.wanted) = (None, None);
    }

    /// Ends the thread that takes.
    pub fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Waits for a job; `None` once the cell is closed.
    fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.waiting.take() {
                return Some(job);
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wants(&self, number: u64) -> bool {
        let jobs = self.lock();
        !jobs.closed && jobs.wanted == Some(number)
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes plans.
pub struct Thinker {
    pub planner: GoalPlanner,
    pub jobs: Arc<JobCell>,
    pub desk: Arc<Inbox<DeskRequest>>,
    pub view: Arc<Newest<View>>,
    pub map: Arc<Inbox<MapRequest>>,
    pub config: Arc<Newest<PlannerConfig>>,
    pub stream: TextStream,
}

impl Thinker {
    /// Runs until the cell of jobs is closed; gives the model back.
    pub fn run(mut self) -> GoalPlanner {
        let spec = self.planner.view_spec();
        while let Some(Job { number, goal, held }) = self.jobs.take() {
            // First: objects follow what is shown.
            let shown = spec.clone().and_then(|spec| self.shown(spec));
            let (view, config) = (self.view.get(), self.config.get());
            let request = PlanRequest {
                goal: &goal,
                objects: &view.objects,
                robot_m: view.robot_m,
                held,
                view: shown.as_ref(),
                frame_id: &config.sensing.world_frame,
                stamp_ns: view.stamp_ns,
                step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
                require_grounding: config.plan.require_grounding,
            };
            let plan = self.planner.plan_aloud(&request, &mut |text| {
                self.stream.part(text);
                let text = self.stream.said().to_owned();
                // Where this is lost, the next part says it too.
                self.desk.mention(DeskRequest::Said { number, text });
                self.jobs.wants(number)
            });
            self.stream.end();
            if self.desk.ask(DeskRequest::Planned { number, plan }).is_err() {
                tracing::debug!("a plan came too late");
            }
        }
        self.planner
    }

    /// What the model is shown of the map as it is now; nothing where perception does not answer.
    fn shown(&self, spec: ViewSpec) -> Option<SceneView> {
        let (reply, answer) = sync_channel(1);
        self.map.ask(MapRequest::View(spec, reply)).ok()?;
        answer.recv_timeout(VIEW_WAIT).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_job_wins_and_a_closed_cell_ends() {
        let cell = JobCell::default();
        for number in 1..=3 {
            cell.put(Job { number, goal: String::new(), held: None });
        }
        assert_eq!(cell.take().map(|job| job.number), Some(3));
        assert!(cell.wants(3) && !cell.wants(2));
        cell.forget();
        assert!(!cell.wants(3));
        cell.close();
        assert_eq!(cell.take(), None);
    }
}
