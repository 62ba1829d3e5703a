//! Plans as people read them in a terminal.

use scenellm::tasks::{Grounding, Plan};
use std::io::{self, Write};

/// Prints `plan`, a step a line.
pub fn plan(plan: &Plan) -> io::Result<()> {
    write(&mut io::stdout().lock(), plan)
}

fn write(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    match &plan.refusal {
        Some(refusal) => writeln!(out, "no plan: {refusal}")?,
        None => write_steps(out, plan)?,
    }
    for told in [plan.told_mismatch(), plan.told_left_out()].into_iter().flatten() {
        writeln!(out, "     {told}")?;
    }
    Ok(())
}

fn write_steps(out: &mut impl Write, plan: &Plan) -> io::Result<()> {
    if let Some(saw) = &plan.saw {
        writeln!(out, "{saw}")?;
    }
    let task = plan.task.as_deref().unwrap_or("a task");
    writeln!(out, "plan for \"{}\" ({task}, model {}):", plan.goal, plan.model)?;
    for step in &plan.steps {
        let bound: Vec<_> = step
            .arguments
            .iter()
            .map(|argument| match &argument.grounding {
                Grounding::Grounded { object_id, position_m: [x, y, z], .. } => {
                    format!("{} #{} at ({x:.2}, {y:.2}, {z:.2})", argument.name, object_id.0)
                }
                Grounding::Ungrounded { reason } => format!("{}: {reason}", argument.name),
            })
            .collect();
        writeln!(out, "{:>3}. {:<34} {}", step.id, step.summary(), bound.join("; "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_how_much_of_the_map_the_model_did_not_read() {
        let refused: Plan = serde_json::from_value(serde_json::json!({
            "goal": "bring the mug", "frame_id": "map", "stamp_ns": 0, "task": null, "model": "m",
            "mean_log_probability": null, "shown": {"listed": 2, "left_out": 7}, "steps": [],
            "refusal": {"kind": "not_found", "names": ["mug"]},
        }))
        .unwrap();
        let mut out = Vec::new();
        write(&mut out, &refused).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "no plan: nothing in the map answers to mug\n     \
             the model read 2 objects; 7 were left out\n"
        );
    }
}
