//! Ways on the floor plan against things and programs.

use super::facts::ObjectFact;
use crate::planner::follow::InstructionStep;
use crate::tasks::gap_m as gap_to_box_m;
use nalgebra::Point3;

/// Distance on the floor plan from a place to a thing's box, metres.
pub(super) fn gap_m(fact: &ObjectFact, [x, y]: [f64; 2]) -> f64 {
    gap_to_box_m(&fact.object, &Point3::new(x, y, fact.object.position_m[2]))
}

/// Where motions lead from a place and a heading; `None` where a step is no motion of the base.
pub(super) fn end_of(
    start_m: [f64; 2],
    start_yaw_rad: f64,
    steps: &[InstructionStep],
) -> Option<[f64; 2]> {
    let ([mut x, mut y], mut yaw_rad) = (start_m, start_yaw_rad);
    for step in steps {
        match step {
            InstructionStep::Forward(m) => {
                x += m * yaw_rad.cos();
                y += m * yaw_rad.sin();
            }
            InstructionStep::Turn(rad) => yaw_rad += rad,
            InstructionStep::Look(_) | InstructionStep::Stop => {}
            InstructionStep::GoTo(_) => return None,
        }
    }
    Some([x, y])
}
