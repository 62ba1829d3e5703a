//! Where work for the model waits: the newest goal, and questions in their order.

use crate::model::PromptKind;
use crate::scene::ObjectId;
use crate::tasks::{ActionVocabulary, Answer, GoalPlanner, SoFar};
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Questions that wait at most; more are refused.
const MAX_QUESTIONS: usize = 8;

/// A goal to plan for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Job {
    /// Comes back with the plan.
    pub number: u64,
    /// The goal.
    pub goal: String,
    /// What the robot holds, where that is known.
    pub held: Option<ObjectId>,
    /// What was tried for it before.
    pub so_far: SoFar,
}

/// Something to be answered. Whoever asked may have gone: answers are sent and not waited for.
pub enum Question {
    /// A question that stands alone.
    Ask(String, SyncSender<Result<Answer, String>>),
    /// What a person says, and what was said before where that is needed to understand it; the reply
    /// goes to the desk.
    Say(String, Option<Vec<[String; 2]>>),
    /// An instruction to follow; its steps go to the pilot, with the number.
    Follow(u64, String),
}

/// What the model can do beside planning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Answer questions.
    pub asks: bool,
    /// Reply in a dialogue.
    pub talks: bool,
    /// Follow instructions.
    pub navigates: bool,
}

impl Abilities {
    /// Those of a model. One that is blind would talk of a scene it has not seen.
    pub fn of(planner: &mut GoalPlanner) -> Self {
        let mind = planner.mind().filter(|mind| mind.view_spec().is_some());
        mind.map_or_else(Self::default, |mind| Self {
            asks: mind.can(PromptKind::Ask),
            talks: mind.can(PromptKind::Say),
            navigates: mind.can(PromptKind::Navigate),
        })
    }
}

/// Where work waits. An older goal that was not begun is overwritten by a newer one.
#[derive(Default)]
pub struct JobCell {
    /// What the model can do beside planning.
    pub abilities: Abilities,
    /// The words it plans in, and what people call them.
    pub vocabulary: Option<ActionVocabulary>,
    state: Mutex<Jobs>,
    ready: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: Option<Job>,
    questions: VecDeque<Question>,
    /// Number of the job whose plan is of use; those before it are interrupted.
    wanted: Option<u64>,
    closed: bool,
}

/// What is to be done next.
pub enum Work {
    /// Plan.
    Plan(Job),
    /// Answer.
    Answer(Question),
}

impl JobCell {
    /// An empty cell before a model with these abilities and words.
    pub fn of(abilities: Abilities, vocabulary: ActionVocabulary) -> Self {
        Self { abilities, vocabulary: Some(vocabulary), ..Self::default() }
    }

    /// Puts a job in.
    pub fn put(&self, job: Job) {
        let mut jobs = self.lock();
        jobs.wanted = Some(job.number);
        jobs.waiting = Some(job);
        drop(jobs);
        self.ready.notify_all();
    }

    /// Puts a question in; gives it back when too many wait.
    pub fn ask(&self, question: Question) -> Result<(), Question> {
        let mut jobs = self.lock();
        if jobs.closed || jobs.questions.len() >= MAX_QUESTIONS {
            return Err(question);
        }
        jobs.questions.push_back(question);
        drop(jobs);
        self.ready.notify_all();
        Ok(())
    }

    /// No plan is of use any more.
    pub fn forget(&self) {
        let mut jobs = self.lock();
        (jobs.waiting, jobs.wanted) = (None, None);
    }

    /// Ends the thread that takes. Questions are let go, and with them whoever waits for an answer.
    pub fn close(&self) {
        let mut jobs = self.lock();
        jobs.closed = true;
        let left = std::mem::take(&mut jobs.questions);
        drop(jobs);
        drop(left);
        self.ready.notify_all();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits for work, questions first, which are short; `None` once the cell is closed.
    pub fn take(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(question) = state.questions.pop_front() {
                return Some(Work::Answer(question));
            }
            if let Some(job) = state.waiting.take() {
                return Some(Work::Plan(job));
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the plan of a job is still of use.
    pub fn wants(&self, number: u64) -> bool {
        let jobs = self.lock();
        !jobs.closed && jobs.wanted == Some(number)
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{TryRecvError, sync_channel};

    fn taken(cell: &JobCell) -> String {
        match cell.take() {
            Some(Work::Plan(job)) => format!("plan {}", job.number),
            Some(Work::Answer(Question::Say(words, _))) => words,
            Some(Work::Answer(_)) => "another question".into(),
            None => "closed".into(),
        }
    }

    #[test]
    fn the_newest_job_wins_questions_come_first_and_a_closed_cell_ends() {
        let cell = JobCell::default();
        for number in 1..=3 {
            cell.put(Job { number, ..Job::default() });
            assert!(cell.ask(Question::Say(format!("words {number}"), None)).is_ok());
        }
        assert_eq!([(); 4].map(|()| taken(&cell)), ["words 1", "words 2", "words 3", "plan 3"]);
        assert!(cell.wants(3) && !cell.wants(2));
        cell.forget();
        assert!(!cell.wants(3));
        cell.close();
        assert_eq!(taken(&cell), "closed");
        assert!(cell.is_closed() && cell.ask(Question::Say("late".into(), None)).is_err());
    }

    #[test]
    fn who_waits_for_an_answer_is_let_go_with_the_cell() {
        let cell = JobCell::default();
        let (reply, answer) = sync_channel(1);
        assert!(cell.ask(Question::Ask("what is on the desk?".into(), reply)).is_ok());
        cell.close();
        assert_eq!(answer.try_recv().err(), Some(TryRecvError::Disconnected));
    }

    #[test]
    fn too_many_questions_are_refused() {
        let cell = JobCell::default();
        let say = |n: &i32| cell.ask(Question::Say(n.to_string(), None)).is_ok();
        let asked = (0..20).filter(say).count();
        assert_eq!(asked, MAX_QUESTIONS);
    }
}
