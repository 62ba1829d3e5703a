//! `scenellm replay`: a bag goes in, a map and a plan come out.

mod expected;
mod facts;
mod folder;
mod planning;

use crate::dropped::Dropped;
use crate::settings::{Settings, Source, Topics, planner, session};
use crate::{Outcome, paths};
use anyhow::bail;
use clap::Args;
use folder::SESSION;
use planning::{act, look, plan};
use scenellm::bag::{EventError, SessionWriter};
use scenellm::language::parse_device;
use scenellm::planner::{Executive, FrameRecord, Output, PlannerConfig, Session};
use scenellm::sensing::SensorEvent;
use scenellm::tasks::{GoalPlanner, Plan, SoFar};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Replay a rosbag: build the scene map, plan for a goal, write pictures and tables.
///
/// The same bag, model and settings give the same plan, map and poses every time. The plan for a goal
/// that is recorded in the bag follows the map to the end: what moves or turns up changes it.
///
/// `--expect` holds the plan against one of before, and exit code 3 says that it is another one:
/// `scenellm replay my_bag --goal "bring the mug" --out out --expect mug.plan.json`.
#[derive(Args)]
pub struct Replay {
    /// rosbag2 folder or file (.mcap or .db3, zstd-compressed or not).
    bag: PathBuf,
    /// Household goal in plain words; goals recorded in the bag are planned for without it.
    #[arg(long)]
    goal: Option<String>,
    /// Model folder, or a GGUF file of a chat model; the parameter `plan.model` unless given.
    #[arg(long, value_name = "PATH", value_parser = paths::model())]
    model: Option<PathBuf>,
    /// Folder to write to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The plan that must come out: plan.json of an earlier replay. Its steps count, their words and order,
    /// and where the things are, to 10 cm.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Print the plan as JSON; `null` where none was asked for.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    topics: Topics,
    #[command(flatten)]
    settings: Settings,
}

/// What the replay gathers on its way.
#[derive(Default)]
struct Gathered {
    frames: Vec<FrameRecord>,
    dropped: Dropped,
    plan: Option<Plan>,
    damage: Option<String>,
}

impl Replay {
    /// Replays, plans, writes.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut config = self.settings.config()?;
        self.topics.name_in(&mut config);
        if let Some(model) = &self.model {
            config.plan.model.clone_from(model);
        }
        let without_model = self.without_model(&config)?;
        let expected = self.expect.as_deref().map(expected::read).transpose()?;
        self.spare_bag()?;
        let source = Source::open(&self.bag, &config)?;
        // Loaded before the bag is read: a model that cannot be loaded is said at once.
        let wanted = self.goal.is_some() || source.selection().goal.is_some();
        let device = parse_device(&config.plan.device)?;
        let memory = config.memory(&device, wanted).check()?;
        tracing::info!("memory: {memory}");
        let mut planner = if wanted { Some(planner(&config, None)?) } else { None };
        let mut session = session(&config)?;
        if let Some(planner) = &mut planner {
            config.give_text_encoder(planner, session.map(), &device);
        }
        self.clear_out()?;
        let mut writer =
            SessionWriter::create(&self.out.join(SESSION), &config.sensing.world_frame)?;
        let start = Instant::now();
        let mut gathered =
            self.feed(&source, &config, &mut session, planner.as_mut(), &mut writer)?;
        if gathered.frames.is_empty() {
            let told = |(reason, times): (String, usize)| match times {
                1 => reason,
                _ => format!("{reason} ({times} times)"),
            };
            let reasons: Vec<_> = gathered.dropped.reasons().into_iter().map(told).collect();
            bail!(
                "no image of {} became a frame: {}\nrun `scenellm check {}` to see why",
                self.bag.display(),
                reasons.join("; "),
                self.bag.display()
            );
        }
        if let (Some(goal), Some(planner)) = (&self.goal, &mut planner) {
            let plan = plan(goal, SoFar::nothing(), &mut session, &config, planner)?;
            writer.output(&Output::Plan(plan.clone()))?;
            gathered.plan = Some(plan);
        }
        let newest = session.newest_frame().map(Arc::as_ref);
        let (states, relations) = (session.states(), session.relations());
        writer.finish(session.map(), &states, &relations, newest)?;
        let wall_s = start.elapsed().as_secs_f64();
        let mut notes = notes(&gathered, planner.as_ref(), &session);
        notes.extend(without_model);
        self.write(&source, &session, &gathered, &notes, wall_s)?;
        self.print(&session, &gathered, &notes, expected.as_ref())
    }

    /// What is to be told where the model, a folder or a GGUF file, is not there. Without a goal no planner is
    /// loaded, and the eyes are those that need no model: a map without a thing in it would be all
    /// that tells of a slip of the pen, or of a program that was installed without one.
    ///
    /// # Errors
    ///
    /// When the model was named, by the flag or in a parameter file.
    fn without_model(&self, config: &PlannerConfig) -> anyhow::Result<Option<String>> {
        let model = &config.plan.model;
        if model.exists() {
            return Ok(None);
        }
        if self.model.is_some() || *model != PlannerConfig::default().plan.model {
            bail!(
                "no model in {}: there is nothing of that name; --model or plan.model names it",
                model.display()
            );
        }
        // Eyes that were named do not come from the model.
        let is_missed = config.vision.extractor == PlannerConfig::default().vision.extractor;
        Ok(is_missed.then(|| {
            format!(
                "{} is not here: the map gets no eyes and no plan is made; --model PATH names it",
                model.display()
            )
        }))
    }

    fn feed(
        &self,
        source: &Source,
        config: &PlannerConfig,
        session: &mut Session,
        mut planner: Option<&mut GoalPlanner>,
        writer: &mut SessionWriter,
    ) -> anyhow::Result<Gathered> {
        let mut gathered = Gathered::default();
        let mut executive = Executive::default();
        let (bar, start_ns) = source.bar("replaying");
        for (log_time_ns, event) in source.events() {
            bar.set_position(((log_time_ns - start_ns) / 1_000_000).max(0) as u64);
            let event = match event {
                Ok(event) => event,
                Err(EventError::Bag(error)) => {
                    gathered.damage = Some(error.to_string());
                    break;
                }
                Err(EventError::Message(error)) => {
                    gathered.dropped.add(error.to_string(), 1);
                    continue;
                }
            };
            let mut outputs = Vec::new();
            if let (SensorEvent::Goal(goal), None, Some(planner)) =
                (&event, &self.goal, planner.as_deref_mut())
            {
                let acts = executive.goal(goal);
                outputs.extend(act(acts, &mut executive, session, config, planner)?);
            }
            outputs.extend(session.push(event));
            if let Some(planner) = planner.as_deref_mut() {
                outputs.extend(look(&mut executive, session, config, planner)?);
            }
            take(outputs, &mut gathered, writer)?;
        }
        let mut outputs = session.finish();
        if let Some(planner) = planner {
            outputs.extend(look(&mut executive, session, config, planner)?);
        }
        take(outputs, &mut gathered, writer)?;
        let status = session.assembler().status();
        if let Some(last) = status.last_refused_transform {
            let reason = format!("transforms refused, the last: {last}");
            gathered.dropped.add(reason, status.refused_transforms as usize);
        }
        bar.finish_and_clear();
        Ok(gathered)
    }

    fn print(
        &self,
        session: &Session,
        gathered: &Gathered,
        notes: &[String],
        expected: Option<&Plan>,
    ) -> anyhow::Result<Outcome> {
        // Whoever reads this may have heard enough; the answer stands all the same.
        let tell = |line: String| {
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        notes.iter().for_each(|note| tell(format!("note: {note}")));
        let refused = gathered.plan.as_ref().is_some_and(|plan| plan.refusal.is_some());
        if self.json {
            writeln!(std::io::stdout(), "{:#}", serde_json::to_value(&gathered.plan)?)?;
        } else {
            writeln!(
                std::io::stdout(),
                "{} frames, {} voxels, {} objects",
                gathered.frames.len(),
                session.map().len(),
                session.map().objects().len()
            )?;
            if let Some(plan) = &gathered.plan {
                crate::show::plan(plan)?;
            }
            writeln!(std::io::stdout(), "wrote {}", self.out.join("report.html").display())?;
        }
        if let Some(damage) = &gathered.damage {
            bail!("{damage}\nwhat stands before the damage was used");
        }
        let Some(expected) = expected else {
            return Ok(if refused { Outcome::No } else { Outcome::Done });
        };
        let differences = expected::differences(expected, gathered.plan.as_ref());
        differences.iter().for_each(|one| tell(format!("not as expected: {one}")));
        // A refusal may be what is expected.
        Ok(if differences.is_empty() { Outcome::Done } else { Outcome::No })
    }
}

fn take(
    outputs: Vec<Output>,
    gathered: &mut Gathered,
    writer: &mut SessionWriter,
) -> anyhow::Result<()> {
    for output in outputs {
        writer.output(&output)?;
        match output {
            Output::Frame(frame) => gathered.frames.push(frame),
            Output::Dropped { reason, .. } => gathered.dropped.add(reason, 1),
            Output::ClockJumpedBack { from_ns, to_ns } => {
                let reason = format!(
                    "the clock was set back from {from_ns} to {to_ns} ns; the map was kept"
                );
                gathered.dropped.add(reason, 1);
            }
            Output::Plan(plan) => gathered.plan = Some(plan),
        }
    }
    Ok(())
}

/// What a reader must know before trusting the plan.
fn notes(gathered: &Gathered, planner: Option<&GoalPlanner>, session: &Session) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(planner.and_then(|planner| planner.sight().note(planner.name())));
    if session.extractor_name() == Some("color_geometry") {
        notes.push("features of the map are colours and shapes, not understanding".into());
    }
    let dropped: usize = gathered.dropped.reasons().iter().map(|(_, times)| times).sum();
    if dropped > 0 {
        notes.push(format!("inputs that were not used: {dropped}; report.html says why"));
    }
    notes.extend(gathered.damage.clone());
    notes
}
