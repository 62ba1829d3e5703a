//! The words of an instruction → its steps, by a model that sees where the rules do not know them.
//!
//! The model writes a program, and the grammar lets it write nothing but lines that
//! [`parse_program`] reads: motions in whole steps, and ways to what the plan's vocabulary or the
//! map has a name for. Whether such a thing is there the follower finds out.

use super::{
    FollowError, InstructionStep, MOST_STEPS, parse_instruction, parse_program, program_text,
};
use crate::scene::MapObject;
use crate::tasks::{ArgumentKind, SceneMind, SceneView, class_word, named};
use std::collections::BTreeSet;

/// Ways ahead come in steps of 5 cm, up to this many.
const MOST_WAY: u32 = 200;
/// Turns and looks come in steps of this many degrees.
const ANGLE_DEG: u32 = 5;

/// The steps of `instruction` where the rules read all of it and each place it leads to is among
/// `objects`; what so many words say needs no model.
pub fn by_rules(instruction: &str, objects: &[MapObject]) -> Option<Vec<InstructionStep>> {
    let is_known = |step: &InstructionStep| match step {
        InstructionStep::GoTo(name) => !named(objects, name).is_empty(),
        _ => true,
    };
    parse_instruction(instruction).ok().filter(|steps| steps.iter().all(is_known))
}

/// The steps of `instruction`, as `mind` understands them with `view` before it.
///
/// # Errors
///
/// When the model cannot follow instructions, or fails.
pub fn understand(
    mind: &mut SceneMind,
    instruction: &str,
    view: Option<&SceneView>,
    objects: &[MapObject],
) -> Result<Vec<InstructionStep>, FollowError> {
    let words = mind.vocabulary().words(ArgumentKind::Target).into_iter().map(str::to_owned);
    let labels = objects.iter().map(|object| class_word(&object.label));
    let lines = lines(words.chain(labels).collect());
    let program = mind.navigate(instruction, view, (&lines, MOST_STEPS), &mut |_| true);
    let program = program.map_err(|error| FollowError::Model { reason: error.to_string() })?;
    parse_program(&program.lines.join("\n"))
}

/// All lines of programs over these names.
fn lines(names: BTreeSet<String>) -> Vec<String> {
    let ways = (1..=MOST_WAY).map(|step| InstructionStep::Forward(f64::from(step) * 0.05));
    let angles = |most: u32| {
        (1..=most / ANGLE_DEG).flat_map(|step| {
            let angle_rad = f64::from(step * ANGLE_DEG).to_radians();
            [angle_rad, -angle_rad]
        })
    };
    let steps = ways
        .chain(angles(180).map(InstructionStep::Turn))
        .chain(angles(90).map(InstructionStep::Look))
        .chain(names.into_iter().map(InstructionStep::GoTo))
        .chain([InstructionStep::Stop]);
    // A name such as "then" would be read as something else.
    let is_read = |line: &String| parse_program(line).is_ok();
    steps.map(|step| program_text(&[step])).filter(is_read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lines_are_steps() {
        let names = ["fridge", "then", ""].map(String::from).into();
        let lines = lines(names);
        for line in ["go forward 0.25 m", "go forward 10 m", "turn left 45 degrees", "stop"] {
            assert!(lines.iter().any(|known| known == line), "{line}");
        }
        let goes: Vec<&String> = lines.iter().filter(|line| line.contains("to the")).collect();
        assert_eq!(goes, ["go to the fridge"]);
        assert!(lines.iter().all(|line| parse_program(line).unwrap().len() == 1));
    }
}
