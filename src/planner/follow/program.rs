//! Steps of an instruction as text, one a line, and back: what a model that navigates writes.

use super::{FollowError, InstructionStep, parse_instruction};

/// Most steps of a program.
pub const MOST_STEPS: usize = 40;

/// Steps as text, one a line, in plain words: "turn left 90 degrees", "go forward 1.5 m", "go to the
/// fridge", "stop".
pub fn program_text(steps: &[InstructionStep]) -> String {
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(step: &InstructionStep) -> String {
    let side = |angle_rad: f64, left, right| if angle_rad > 0.0 { left } else { right };
    let degrees = |rad: &f64| rad.abs().to_degrees().round();
    match step {
        InstructionStep::Stop => "stop".into(),
        // Hundredths, without the noughts behind them.
        InstructionStep::Forward(m) => format!("go forward {} m", (m * 100.0).round() / 100.0),
        InstructionStep::Turn(rad) => {
            format!("turn {} {} degrees", side(*rad, "left", "right"), degrees(rad))
        }
        InstructionStep::Look(rad) => {
            format!("look {} {} degrees", side(*rad, "up", "down"), degrees(rad))
        }
        InstructionStep::GoTo(name) => format!("go to the {name}"),
    }
}

/// The steps of a program: one a line, each as [`parse_instruction`] reads it.
///
/// # Errors
///
/// [`FollowError::NotUnderstood`] with the first line that is no single step, or with the whole text
/// where it has no step or too many.
pub fn parse_program(text: &str) -> Result<Vec<InstructionStep>, FollowError> {
    let refuse = |words: &str| FollowError::NotUnderstood { words: words.trim().into() };
    let mut steps = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match &parse_instruction(line)?[..] {
            [step] if steps.len() < MOST_STEPS => steps.push(step.clone()),
            _ => return Err(refuse(line)),
        }
    }
    if steps.is_empty() { Err(refuse(text)) } else { Ok(steps) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step() -> impl Strategy<Value = InstructionStep> {
        prop_oneof![
            Just(InstructionStep::Stop),
            (1u32..400).prop_map(|steps| InstructionStep::Forward(f64::from(steps) * 0.25)),
            (1i32..=180).prop_map(|deg| InstructionStep::Turn(f64::from(deg).to_radians())),
            (1i32..180).prop_map(|deg| InstructionStep::Turn(-f64::from(deg).to_radians())),
            (-60i32..=60)
                .prop_filter("no look", |deg| *deg != 0)
                .prop_map(|deg| InstructionStep::Look(f64::from(deg).to_radians())),
            "[a-z]{3,9}".prop_map(InstructionStep::GoTo),
        ]
    }

    proptest! {
        #[test]
        fn programs_are_read_as_they_were_written(steps in prop::collection::vec(step(), 1..12)) {
            let names = ["the", "a", "an", "my", "then", "and", "now", "please", "robot", "first",
                "finally", "next", "just"];
            let speakable = steps.iter().all(|step| match step {
                InstructionStep::GoTo(name) => !names.contains(&name.as_str()),
                _ => true,
            });
            prop_assume!(speakable);
            let read = parse_program(&program_text(&steps)).unwrap();
            prop_assert_eq!(read.len(), steps.len());
            prop_assert_eq!(program_text(&read), program_text(&steps));
        }

        #[test]
        fn arbitrary_programs_never_panic(text in ".{0,80}") {
            let _ = parse_program(&text);
        }
    }

    #[test]
    fn what_is_no_program_is_refused_by_its_line() {
        let words = |text: &str| match parse_program(text) {
            Err(FollowError::NotUnderstood { words }) => words,
            other => panic!("{other:?}"),
        };
        assert_eq!(words("go forward 1 m\nfly"), "fly");
        assert_eq!(words("go to the mug and stop"), "go to the mug and stop");
        assert_eq!(words(" \n "), "");
        assert_eq!(words(&"stop\n".repeat(MOST_STEPS + 1)), "stop");
    }
}
