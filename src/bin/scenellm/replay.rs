//! `scenellm replay`: a bag goes in, a map and a plan come out.

mod expected;
mod facts;

use crate::settings::{Settings, Source, Topics, planner, session};
use crate::{Outcome, paths};
use anyhow::{Context, bail};
use clap::Args;
use image::RgbImage;
use scenellm::bag::{EventError, SessionWriter};
use scenellm::geometry::{Pose, heading_of_camera_rad};
use scenellm::language::parse_device;
use scenellm::planner::{Act, Executive, FrameRecord, Output, PlannerConfig, Session};
use scenellm::report::{FeaturePicture, ReportPage, TopDown, draw_masks, frames_csv, timings_svg};
use scenellm::scene::SceneMap;
use scenellm::sensing::SensorEvent;
use scenellm::tasks::{GoalPlanner, Plan, PlanRequest, SoFar};
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
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
    /// Model folder; the parameter `plan.model` unless given.
    #[arg(long, value_name = "DIR", value_parser = paths::model())]
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

/// The bag of all that the planner would have published.
const SESSION: &str = "session.mcap";
/// What else a replay writes, where there is such.
const FILES: [&str; 10] = [
    "plan.json",
    "frames.csv",
    "timings.svg",
    "map.ply",
    "map.json",
    "map.scenemap",
    "topdown.png",
    "features.png",
    "masks.png",
    "report.html",
];

/// What the replay gathers on its way.
#[derive(Default)]
struct Gathered {
    frames: Vec<FrameRecord>,
    dropped: Dropped,
    plan: Option<Plan>,
    damage: Option<String>,
}

/// What was not used, and why: by reasons without their numbers, the first as it was and how often it came.
/// Where clocks disagree each image has a reason of its own, which differs in the stamps alone.
#[derive(Default)]
struct Dropped(BTreeMap<String, (String, usize)>);

impl Dropped {
    fn add(&mut self, reason: String, times: usize) {
        self.0.entry(without_numbers(&reason)).or_insert((reason, 0)).1 += times;
    }

    /// Reasons, and how often each came.
    fn reasons(&self) -> Vec<(String, usize)> {
        self.0.values().cloned().collect()
    }
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

    /// Refuses to write where the bag would be lost, or the session would come among its files.
    fn spare_bag(&self) -> anyhow::Result<()> {
        // What is not there is found out when it is opened.
        let Ok(bag) = self.bag.canonicalize() else { return Ok(()) };
        let places = [self.out.clone(), self.out.join(SESSION)];
        if places.iter().filter_map(|place| place.canonicalize().ok()).any(|place| place == bag) {
            bail!("--out {}: the bag itself is there; name another folder", self.out.display());
        }
        Ok(())
    }

    /// Makes the folder that is written to, and removes what an older replay left in it: where this one
    /// writes less, or fails, that would pass for a part of it.
    fn clear_out(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot make {}", self.out.display()))?;
        for path in FILES.map(|name| self.out.join(name)) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("cannot remove the older {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What is to be told where the folder of the model is not there. Without a goal no planner is
    /// loaded, and the eyes are those that need no model: a map without a thing in it would be all
    /// that tells of a slip of the pen, or of a program that was installed without one.
    ///
    /// # Errors
    ///
    /// When the model was named, by the flag or in a parameter file.
    fn without_model(&self, config: &PlannerConfig) -> anyhow::Result<Option<String>> {
        let model = &config.plan.model;
        if model.is_dir() {
            return Ok(None);
        }
        if self.model.is_some() || *model != PlannerConfig::default().plan.model {
            bail!(
                "no model in {}: there is no such folder; --model or plan.model names it",
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

    fn write(
        &self,
        source: &Source,
        session: &Session,
        gathered: &Gathered,
        notes: &[String],
        wall_s: f64,
    ) -> anyhow::Result<()> {
        let map = session.map();
        let path = |name: &str| self.out.join(name);
        if let Some(plan) = &gathered.plan {
            write(&path("plan.json"), &format!("{:#}\n", serde_json::to_value(plan)?))?;
        }
        write(&path("frames.csv"), &frames_csv(&gathered.frames))?;
        write(&path("timings.svg"), &timings_svg(&gathered.frames)?)?;
        map.write_ply(&path("map.ply"))?;
        map.write_json(&path("map.json"), &session.relations())?;
        map.save(&path("map.scenemap"))?;
        let voxels: Vec<_> = map.voxels().map(|voxel| (voxel.xyz_m, voxel.rgb)).collect();
        // Of several cameras, the way of the first is that of the robot.
        let first = gathered.frames.iter().filter(|frame| frame.camera == 0);
        let poses: Vec<_> = first.map(|frame| frame.world_T_camera).collect();
        let topdown = TopDown {
            frame_id: &map.config().frame_id,
            voxels: &voxels,
            voxel_size_m: map.config().voxel_size_m,
            path: &poses,
            objects: map.objects().as_slice(),
            plan: gathered.plan.as_ref(),
        }
        .draw()?;
        topdown.save(path("topdown.png"))?;
        let features = feature_picture(map, &poses)?;
        if let Some(features) = &features {
            features.save(path("features.png"))?;
        }
        let spotted = session.spotted();
        let masks = spotted.map(|spotted| draw_masks(&spotted.picture, &spotted.masks));
        let masks = masks.transpose()?;
        if let Some(masks) = &masks {
            masks.save(path("masks.png"))?;
        }
        let facts = facts::at_a_glance(source, session, gathered, wall_s);
        let topics = facts::topics(source);
        let dropped = gathered.dropped.reasons();
        let page = ReportPage {
            source: &self.bag.display().to_string(),
            notes,
            facts: &facts,
            plan: gathered.plan.as_ref(),
            topdown: &topdown,
            objects: map.objects().as_slice(),
            newest: session.newest_frame().map(|frame| &frame.color),
            masks: masks.as_ref(),
            features: features.as_ref(),
            topics: &topics,
            dropped: &dropped,
            frames: &gathered.frames,
        };
        write(&path("report.html"), &page.to_html()?)
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

/// Holds the open plan, if there is one, against the map.
fn look(
    executive: &mut Executive,
    session: &mut Session,
    config: &PlannerConfig,
    planner: &mut GoalPlanner,
) -> anyhow::Result<Vec<Output>> {
    let stamp_ns = session.newest_frame().map_or(0, |frame| frame.stamp_ns);
    let objects = session.map().objects().as_slice();
    let acts = executive.look(objects, robot_m(session), stamp_ns, planner.vocabulary());
    act(acts, executive, session, config, planner)
}

/// Does what the executive wants done; what it publishes comes back. Nobody carries out the steps of a
/// recording.
fn act(
    acts: Vec<Act>,
    executive: &mut Executive,
    session: &mut Session,
    config: &PlannerConfig,
    planner: &mut GoalPlanner,
) -> anyhow::Result<Vec<Output>> {
    let (mut acts, mut outputs) = (VecDeque::from(acts), Vec::new());
    while let Some(act) = acts.pop_front() {
        match act {
            Act::Think { number, goal, so_far, .. } => {
                let plan = plan(&goal, &so_far, session, config, planner)?;
                acts.extend(executive.planned(number, plan));
            }
            Act::Publish(plan) => outputs.push(Output::Plan(plan)),
            Act::Say(said) => tracing::info!("{said}"),
            Act::Step(_) | Act::Withdraw { .. } | Act::End { .. } => {}
        }
    }
    Ok(outputs)
}

/// Where the camera was last, world frame, metres.
fn robot_m(session: &Session) -> [f64; 3] {
    let newest = session.newest_frame();
    newest.map_or([0.0; 3], |frame| frame.world_T_camera.translation.vector.into())
}

/// A plan for `goal` over what the session has seen, after what was tried for it.
fn plan(
    goal: &str,
    so_far: &SoFar,
    session: &mut Session,
    config: &PlannerConfig,
    planner: &mut GoalPlanner,
) -> anyhow::Result<Plan> {
    session.refresh_objects()?;
    let view = match planner.view_spec() {
        Some(spec) => session.view(&spec)?,
        None => None,
    };
    let newest = session.newest_frame();
    Ok(planner.plan(&PlanRequest {
        goal,
        objects: session.map().objects().as_slice(),
        robot_m: robot_m(session),
        heading_rad: newest.and_then(|frame| heading_of_camera_rad(&frame.world_T_camera)),
        held: None,
        so_far,
        view: view.as_ref(),
        frame_id: &session.map().config().frame_id,
        stamp_ns: newest.map_or(0, |frame| frame.stamp_ns),
        step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
        require_grounding: config.plan.require_grounding,
    }))
}

/// The map in the colours of its features, if it has any.
fn feature_picture(map: &SceneMap, path: &[Pose]) -> anyhow::Result<Option<RgbImage>> {
    let Some(colors) = map.principal_colors() else { return Ok(None) };
    let (frame_id, voxel_size_m) = (&map.config().frame_id, map.config().voxel_size_m);
    Ok(Some(FeaturePicture { frame_id, colors: &colors, voxel_size_m, path }.draw()?))
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

/// `text` with a `#` for each number that is no part of a name, as that of `/camera1` is.
fn without_numbers(text: &str) -> String {
    let mut without = String::with_capacity(text.len());
    let (mut is_number, mut is_name) = (false, false);
    for letter in text.chars() {
        let goes_on = letter.is_ascii_digit() && is_number;
        is_number = letter.is_ascii_digit() && !is_name;
        is_name = !is_number && (letter.is_alphanumeric() || letter == '_');
        if !goes_on {
            without.push(if is_number { '#' } else { letter });
        }
    }
    without
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_stamps_alone_are_told_once() {
        let mut dropped = Dropped::default();
        for second in [7, 8, 123] {
            let late = format!("/cam1: not there yet at {second}.000000007 s, map -> odom_2");
            dropped.add(late, 1);
        }
        dropped.add("/cam2: not there yet at 7.000000007 s, map -> odom_2".into(), 4);
        let told =
            |camera: u8| format!("/cam{camera}: not there yet at 7.000000007 s, map -> odom_2");
        assert_eq!(dropped.reasons(), [(told(1), 3), (told(2), 4)]);
    }
}
