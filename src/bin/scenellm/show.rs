//! Plans as people read them in a terminal.

use scenellm::tasks::{Grounding, Plan};
use std::io::{self, Write};

/// Prints `plan`, a step a line.
pub fn plan(plan: &Plan) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(refusal) = &plan.refusal {
        return writeln!(out, "no plan: {refusal}");
    }
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
    if let Some(unnamed) = plan.told_unnamed() {
        writeln!(out, "     {unnamed}")?;
    }
    if let Some(shown) = plan.shown.filter(|shown| shown.left_out > 0) {
        let (listed, left_out) = (shown.listed, shown.left_out);
        writeln!(out, "     the model read {listed} objects; {left_out} were left out")?;
    }
    Ok(())
}
