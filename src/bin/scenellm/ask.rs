//! `scenellm ask`: plans and answers over a saved map, from the command line or a conversation.

use crate::settings::{Settings, planner, session};
use crate::{Outcome, paths};
use anyhow::{Context, bail};
use clap::Args;
use scenellm::language::parse_device;
use scenellm::planner::{Command, Conversation, PlannerConfig, Reply, facts};
use scenellm::report::HeatMap;
use scenellm::scene::{MapObject, ObjectId, SceneMap, TextQuery};
use scenellm::sim::household::categories;
use scenellm::tasks::{Answer, GoalPlanner, Plan, PlanRequest, SceneView, SoFar};
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

/// Most objects that an answer is told to come from.
const MOST_OBJECTS: usize = 8;
/// Most places that the heat map marks.
const MOST_PLACES: usize = 5;

/// Plan for goals, and answer questions, over a saved map (`map.scenemap` of a replay).
///
/// Without words, reads one goal or question a line from the standard input. "It" is what was named
/// before, "and the plate?" asks the same of another thing, and "what is next?" is about the last plan.
/// A model that sees is shown the map. A blind one plans, and questions are answered from the labelled
/// objects by rule. Where something is of which the map has no object, its features tell, if it looks
/// like it anywhere.
#[derive(Args)]
pub struct Ask {
    /// The goal or question, in plain words.
    words: Vec<String>,
    /// The saved map; without one nothing is grounded.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Model folder; the parameter `plan.model` unless given.
    #[arg(long, value_name = "DIR", value_parser = paths::model())]
    model: Option<PathBuf>,
    /// Where the robot is, world frame, metres.
    #[arg(
        long,
        value_name = "X,Y,Z",
        value_delimiter = ',',
        default_value = "0,0,0",
        allow_hyphen_values = true
    )]
    robot: Vec<f64>,
    /// Where the robot looks, from the world's x axis to the left, degrees; not known unless given.
    #[arg(long, value_name = "DEG", allow_hyphen_values = true)]
    heading_deg: Option<f64>,
    /// Id of the object in the robot's hand; "it" as long as nothing was named.
    #[arg(long, value_name = "ID")]
    held: Option<u32>,
    /// The heat map to write when it is asked where something is, PNG: bright where the map looks like it.
    #[arg(long, value_name = "FILE", value_parser = paths::file_to_write())]
    picture: Option<PathBuf>,
    /// Print plans and answers as JSON, one a line: a plan has `steps` and `refusal`, an answer `words`,
    /// and `unknown` where there is none.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

/// What answers rest on.
struct Known {
    map: SceneMap,
    view: Option<SceneView>,
    robot_m: [f64; 3],
    config: PlannerConfig,
}

impl Ask {
    /// Plans, answers and prints.
    pub fn run(self) -> anyhow::Result<Outcome> {
        let mut config = self.settings.config()?;
        if let Some(model) = &self.model {
            config.plan.model.clone_from(model);
        }
        let &[x, y, z] = self.robot.as_slice() else {
            bail!("--robot takes three numbers: x,y,z");
        };
        let mut planner = planner(&config, None)?;
        let (map, view) = self.look(&config, &mut planner)?;
        config.give_text_encoder(&mut planner, &map, &parse_device(&config.plan.device)?);
        let known = Known { map, view, robot_m: [x, y, z], config };
        let mut talk = Conversation::default();
        if let Some(id) = self.held {
            let held =
                known.map.objects().as_slice().iter().find(|object| object.id == ObjectId(id));
            let held = held.with_context(|| format!("--held {id}: the map has no object #{id}"))?;
            if !held.label.is_empty() {
                talk.hold(&held.label);
            }
        }
        if !self.words.is_empty() {
            return self.respond(&self.words.join(" "), &mut talk, &known, &mut planner);
        }
        let mut outcome = Outcome::Done;
        let lines = std::io::stdin();
        if lines.is_terminal() {
            eprintln!("a goal or a question a line; Ctrl-D ends");
        }
        for line in lines.lock().lines() {
            let line = line?;
            if !line.trim().is_empty() {
                outcome = self.respond(&line, &mut talk, &known, &mut planner)?;
            }
        }
        Ok(outcome)
    }

    /// The map, and what a model that sees is shown of it.
    fn look(
        &self,
        config: &PlannerConfig,
        planner: &mut GoalPlanner,
    ) -> anyhow::Result<(SceneMap, Option<SceneView>)> {
        let Some(path) = &self.map else { return Ok((SceneMap::new(config.map.clone())?, None)) };
        let map = SceneMap::load(path)?.0;
        let Some(spec) = planner.view_spec() else { return Ok((map, None)) };
        let mut session = session(config).context("the model's eyes, which name what they saw")?;
        *session.map_mut() = map;
        let named = session.refresh_objects().map(|_| ());
        named.with_context(|| format!("{}: made with other eyes", path.display()))?;
        let view = session.view(&spec)?;
        Ok((session.map().clone(), view))
    }

    fn respond(
        &self,
        words: &str,
        talk: &mut Conversation,
        known: &Known,
        planner: &mut GoalPlanner,
    ) -> anyhow::Result<Outcome> {
        let objects = known.map.objects().as_slice();
        let meant = match talk.hear(words, objects, planner.vocabulary()) {
            Ok(meant) => meant,
            Err(unresolved) => return self.say(words, Err(&unresolved.to_string())),
        };
        let command = Command::of(&meant);
        let is_of_robot = matches!(&command, Command::Where(name) if facts::is_robot(name));
        if let Command::Where(name) = &command
            && !is_of_robot
            && let Some(fact) = self.likeness(name, known, planner)?
        {
            talk.replied(&meant, &fact.words, objects);
            return self.say(words, Ok(&fact));
        }
        if command.asks_of_scene() && !is_of_robot && known.view.is_none() {
            return self.answer_by_rule(words, &command, known);
        }
        match talk.respond(&meant, &self.request(known), planner)? {
            Some(Reply::Plan(plan)) => self.show_plan(&plan),
            Some(Reply::Answer(answer)) => self.show_answer(&answer, objects),
            Some(Reply::Words(said)) => self.say(words, Ok(&in_words(said))),
            None => self.answer_by_rule(words, &command, known),
        }
    }

    /// What plans and answers rest on.
    fn request<'a>(&self, known: &'a Known) -> PlanRequest<'a> {
        let Known { map, view, robot_m, config } = known;
        PlanRequest {
            goal: "",
            objects: map.objects().as_slice(),
            robot_m: *robot_m,
            heading_rad: self.heading_deg.map(f64::to_radians),
            held: self.held.map(ObjectId),
            so_far: SoFar::nothing(),
            view: view.as_ref(),
            frame_id: &map.config().frame_id,
            stamp_ns: map.objects().iter().map(|object| object.last_seen_ns).max().unwrap_or(0),
            step_expiry_ns: (config.plan.step_expiry_s * 1e9) as i64,
            require_grounding: config.plan.require_grounding,
        }
    }

    fn show_plan(&self, plan: &Plan) -> anyhow::Result<Outcome> {
        if self.json {
            writeln!(std::io::stdout(), "{}", serde_json::to_string(plan)?)?;
        } else {
            crate::show::plan(plan)?;
        }
        Ok(if plan.refusal.is_some() { Outcome::No } else { Outcome::Done })
    }

    fn show_answer(&self, answer: &Answer, objects: &[MapObject]) -> anyhow::Result<Outcome> {
        if self.json {
            writeln!(std::io::stdout(), "{}", serde_json::to_string(answer)?)?;
        } else {
            tell(answer, objects)?;
        }
        Ok(if answer.unknown.is_some() { Outcome::No } else { Outcome::Done })
    }

    /// Where the map looks like something of which it has no object; `None` where it has one, or looks
    /// like it nowhere. The heat map is drawn in any case.
    fn likeness(
        &self,
        name: &str,
        known: &Known,
        planner: &GoalPlanner,
    ) -> anyhow::Result<Option<facts::Fact>> {
        let map = &known.map;
        let frame_id = &map.config().frame_id;
        let has_object = facts::whereabouts(map.objects().as_slice(), name, frame_id).is_some();
        if has_object && self.picture.is_none() {
            return Ok(None);
        }
        let Some(encoder) = planner.text_encoder() else {
            if self.picture.is_some() {
                bail!(
                    "--picture: no words can be compared with the features of the map; make it with \
                     `--extractor scene_vit`, or with `--extractor clip` and name CLIP's weights here \
                     too (--extractor, --vision-weights)"
                );
            }
            return Ok(None);
        };
        let query = TextQuery::new(encoder.as_ref(), name, categories())?;
        let likeness = map.likeness(&query, MOST_PLACES)?;
        if let Some(path) = &self.picture {
            HeatMap::of(map, name, &likeness).write(path).context("no heat map")?;
        }
        let place = likeness.found().filter(|_| !has_object);
        Ok(place.map(|place| facts::likeness(name, place, frame_id)))
    }

    fn answer_by_rule(
        &self,
        words: &str,
        command: &Command,
        known: &Known,
    ) -> anyhow::Result<Outcome> {
        let objects = known.map.objects().as_slice();
        let frame_id = &known.map.config().frame_id;
        let fact = match command {
            Command::Describe => Some(facts::describe(objects, 0)),
            Command::Count(name) => facts::count(objects, name),
            Command::Where(name) => facts::whereabouts(objects, name, frame_id),
            _ => None,
        };
        self.say(words, fact.as_ref().ok_or("the labelled objects of the map do not tell"))
    }

    /// Prints a fact, or why there is none.
    fn say(&self, words: &str, fact: Result<&facts::Fact, &str>) -> anyhow::Result<Outcome> {
        let mut out = std::io::stdout();
        let said = fact.map_or_else(|why| why, |fact| fact.words.as_str());
        if self.json {
            let ids: Vec<u32> = fact.iter().flat_map(|fact| &fact.objects).map(|id| id.0).collect();
            let mut answer = serde_json::json!({"question": words, "words": said, "objects": ids});
            if let Err(why) = fact {
                answer["unknown"] = why.into();
            }
            writeln!(out, "{answer}")?;
        } else {
            writeln!(out, "{said}")?;
        }
        Ok(if fact.is_ok() { Outcome::Done } else { Outcome::No })
    }
}

/// Words that rest on no object.
fn in_words(words: String) -> facts::Fact {
    facts::Fact { words, objects: Vec::new() }
}

/// Prints an answer with what it rests on.
fn tell(answer: &Answer, objects: &[MapObject]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let label = |id: &ObjectId| {
        let object = objects.iter().find(|object| object.id == *id);
        object.map_or_else(|| format!("#{}", id.0), |object| format!("{} #{}", object.label, id.0))
    };
    if let Some(reason) = &answer.unknown {
        return writeln!(out, "{}: {reason}", answer.words);
    }
    let confidence =
        answer.mean_log_probability.map(|mean| format!("confidence {:.2}", mean.exp()));
    // Where something is may be told with the ids.
    let names_them = answer.words.contains('#') || answer.objects.is_empty();
    let basis = (!names_them)
        .then(|| format!("from: {}", listed(answer.objects.iter().map(label).collect())));
    let told: Vec<String> = confidence.into_iter().chain(basis).collect();
    match told.is_empty() {
        true => writeln!(out, "{}", answer.words),
        false => writeln!(out, "{} ({})", answer.words, told.join("; ")),
    }
}

/// Objects in words, of many the first ones.
fn listed(mut objects: Vec<String>) -> String {
    let more = objects.len().saturating_sub(MOST_OBJECTS);
    objects.truncate(MOST_OBJECTS);
    match more {
        0 => objects.join(", "),
        _ => format!("{} and {more} more", objects.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_objects_the_first_ones_are_told() {
        let ids = |count: usize| (1..=count).map(|id| format!("mug #{id}")).collect::<Vec<_>>();
        assert_eq!(listed(ids(2)), "mug #1, mug #2");
        let many = listed(ids(11));
        assert!(many.ends_with("mug #8 and 3 more"), "{many}");
    }
}
