//! What happens in the demo, as lines on the terminal and as chapters of a page.

use anyhow::Context;
use image::RgbImage;
use scenellm::geometry::Pose;
use scenellm::planner::{Session, facts};
use scenellm::report::{Chapter, Panel, StoryPage, Tone, TopDown, strip};
use scenellm::sim::episode::{EpisodeResult, Moment};
use scenellm::sim::household::{Low, Touch, World};
use scenellm::tasks::{Plan, PlanStep};
use std::io::Write;
use std::path::Path;

/// Pictures of the tour that are kept.
const TOUR_PANELS: usize = 8;
/// Pictures in a row of the strip.
const COLUMNS: u32 = 5;

/// Gathers what happens.
pub struct Story {
    goal: String,
    notes: Vec<String>,
    chapters: Vec<Chapter>,
    way: Vec<Pose>,
    tour: Vec<RgbImage>,
    newest: Option<RgbImage>,
    plans: usize,
    /// Pictures of the current step so far.
    step_panels: usize,
}

impl Story {
    /// A story about `goal`.
    pub fn new(goal: String, note: Option<String>) -> Self {
        Self {
            goal,
            notes: note.into_iter().collect(),
            chapters: Vec::new(),
            way: Vec::new(),
            tour: Vec::new(),
            newest: None,
            plans: 0,
            step_panels: 0,
        }
    }

    /// Takes in what happened. Whoever reads the terminal may have gone: the story goes on.
    pub fn take(&mut self, moment: &Moment<'_>) {
        match moment {
            Moment::Saw { world, image, low, .. } => self.saw(world, image, *low),
            Moment::Drove { world } => self.way.push(world.robot().world_T_camera()),
            Moment::Toured { session, .. } => self.toured(session),
            Moment::Planned { plan, session } => self.planned(plan, session),
            Moment::Began { .. } => self.step_panels = 0,
            Moment::Ended { step, failure, .. } => {
                let why = failure.map(ToString::to_string);
                self.ended(step, why.as_deref());
            }
            Moment::Said(said) => tell(&format!("  — {said}")),
        }
    }

    /// What somebody did behind the robot's back, or why nobody did anything: the map is right then,
    /// and who reads must know it.
    pub fn disturbed(&mut self, done: Result<&str, &str>) {
        let (line, sentence) = match done {
            Ok(done) => (
                format!("behind the robot's back {done}"),
                format!("Behind the robot's back {done}."),
            ),
            Err(why) => (format!("nothing was moved: {why}"), format!("Nothing was moved: {why}.")),
        };
        tell(&line);
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.told.push(sentence);
        }
    }

    /// Tells the end and writes the page and the strip into `out`.
    pub fn end(self, result: &EpisodeResult, out: &Path) -> anyhow::Result<()> {
        let outcome: Vec<(String, bool)> =
            result.conditions.iter().map(|c| (c.what.clone(), c.is_met)).collect();
        let ending = format!(
            "{}: {} of {} conditions hold after {} actions, {:.1} m, new plans: {}",
            result.ending,
            result.met(),
            result.conditions.len(),
            result.actions,
            result.way_m,
            result.replans
        );
        tell(&ending);
        for (what, holds) in &outcome {
            tell(&format!("  {} {what}", if *holds { "✓" } else { "✗" }));
        }
        let page = StoryPage {
            title: &self.goal,
            notes: &self.notes,
            ending: &ending,
            outcome: &outcome,
            chapters: &self.chapters,
        };
        let html = out.join("demo.html");
        std::fs::write(&html, page.to_html()?)
            .with_context(|| format!("cannot write {}", html.display()))?;
        let panels: Vec<Panel> =
            self.chapters.iter().skip(1).flat_map(|chapter| chapter.panels.clone()).collect();
        let picture = out.join("strip.png");
        strip(&panels, COLUMNS)?
            .save(&picture)
            .with_context(|| format!("cannot write {}", picture.display()))?;
        for note in &self.notes {
            tell(&format!("note: {note}"));
        }
        tell(&format!("wrote {} and {}", html.display(), picture.display()));
        Ok(())
    }

    fn saw(&mut self, world: &World, image: &RgbImage, low: Option<Low>) {
        self.way.push(world.robot().world_T_camera());
        self.newest = Some(image.clone());
        match low {
            None => self.tour.push(image.clone()),
            Some(Low::Touch(touch)) => {
                let name = world.home().entity(touch.id()).map_or("thing", |e| e.category);
                let held = world.held().map_or("it", |held| held.category);
                let caption = match touch {
                    Touch::Pick(_) => format!("takes the {name}"),
                    Touch::Put(_) => format!("puts it on or into the {name}"),
                    Touch::Open(_) => format!("opens the {name}"),
                    Touch::Close(_) => format!("shuts the {name}"),
                    Touch::SwitchOn(_) => format!("switches the {name} on"),
                    Touch::SwitchOff(_) => format!("switches the {name} off"),
                    Touch::Slice(_) => format!("slices the {name} with the {held}"),
                };
                self.panel(image.clone(), caption, Tone::Plain);
            }
            Some(Low::Move(_)) => {}
        }
    }

    fn toured(&mut self, session: &Session) {
        let map = session.map();
        // What the list tells; what the model saw it says itself, with its plan.
        let list = facts::describe(map.objects().as_slice(), 0).words;
        tell(&format!(
            "tour: {} images, {} voxels, {} objects in the map",
            self.tour.len(),
            map.len(),
            map.objects().len()
        ));
        let every = self.tour.len().div_ceil(TOUR_PANELS).max(1);
        let panels = self.tour.iter().enumerate().step_by(every).map(|(at, image)| Panel {
            image: image.clone(),
            caption: format!("image {} of the tour", at + 1),
            tone: Tone::Plain,
        });
        self.chapters.push(Chapter {
            title: "The tour".into(),
            told: vec![format!("The map holds: {list}.")],
            panels: panels.collect(),
            ..Chapter::default()
        });
    }

    fn planned(&mut self, plan: &Plan, session: &Session) {
        self.plans += 1;
        let map = session.map();
        let newest_ns = map.objects().iter().map(|object| object.last_seen_ns).max();
        let before_me: Vec<_> = map
            .objects()
            .iter()
            .filter(|object| Some(object.last_seen_ns) == newest_ns)
            .cloned()
            .collect();
        let saw = facts::describe(&before_me, 0).words;
        tell(&format!("before me: {saw}"));
        // Whoever reads may have gone.
        let _ = crate::show::plan(plan);
        let voxels: Vec<_> = map.voxels().map(|voxel| (voxel.xyz_m, voxel.rgb)).collect();
        let picture = TopDown {
            frame_id: &map.config().frame_id,
            voxels: &voxels,
            voxel_size_m: map.config().voxel_size_m,
            path: &self.way,
            objects: map.objects().as_slice(),
            plan: Some(plan),
        };
        self.chapters.push(Chapter {
            title: format!("Plan {}", self.plans),
            told: [format!("Before me: {saw}.")]
                .into_iter()
                .chain(plan.saw.as_ref().map(|saw| format!("{saw}.")))
                .collect(),
            plan: Some(plan.clone()),
            map: picture.draw().ok(),
            panels: Vec::new(),
        });
    }

    fn ended(&mut self, step: &PlanStep, failure: Option<&str>) {
        let (what, tone) = match failure {
            None => ("done".to_string(), Tone::Good),
            Some(why) => (format!("failed: {why}"), Tone::Bad),
        };
        tell(&format!("  {:>2}. {:<34} {what}", step.id, step.summary()));
        let caption = format!("{}. {}: {what}", step.id, step.summary());
        if failure.is_none() && self.step_panels > 0 {
            let panels = self.chapters.last_mut().map(|chapter| &mut chapter.panels);
            if let Some(last) = panels.and_then(|panels| panels.last_mut()) {
                (last.caption, last.tone) = (caption, tone);
            }
        } else if let Some(image) = self.newest.clone() {
            self.panel(image, caption, tone);
        }
    }

    fn panel(&mut self, image: RgbImage, caption: String, tone: Tone) {
        self.step_panels += 1;
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.panels.push(Panel { image, caption, tone });
        }
    }
}

/// Prints a line. The demo goes on when nobody reads.
fn tell(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenellm::planner::PlannerConfig;

    #[test]
    fn only_what_the_model_saw_is_told_as_seen() {
        let session = Session::new(&PlannerConfig::default(), None).unwrap();
        let mut story = Story::new("bring the mug".into(), None);
        let unseen = Plan {
            goal: "bring the mug".into(),
            frame_id: "map".into(),
            stamp_ns: 0,
            task: None,
            model: "nano".into(),
            mean_log_probability: None,
            shown: None,
            saw: None,
            unnamed: Vec::new(),
            undone: Vec::new(),
            steps: Vec::new(),
            refusal: None,
        };
        let seen = Plan { saw: Some("i saw a mug on the desk".into()), ..unseen.clone() };
        story.toured(&session);
        story.planned(&unseen, &session);
        story.planned(&seen, &session);
        let [tour, first, second] = &story.chapters[..] else { panic!("a tour and two plans") };
        assert_eq!(tour.told, ["The map holds: no objects yet."]);
        assert_eq!(first.told, ["Before me: no objects yet."]);
        assert_eq!(second.told[1..], ["i saw a mug on the desk."]);
    }
}
