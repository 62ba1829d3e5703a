//! Motions of the base, and why they end.

use crate::planner::follow::{FollowError, Motion};
use crate::ros::action::FollowInstructionResult;
use crate::ros::msg::{Header, Time, VlnAction};

/// The message of `motion`, number `id`, decided at `now_ns` for the base `frame_id`.
pub fn vln_action(
    motion: Motion,
    id: u32,
    frame_id: &str,
    now_ns: i64,
    expires_ns: i64,
) -> VlnAction {
    let still = VlnAction {
        header: Header::new(now_ns, frame_id),
        id,
        expires: Time::from_ns(expires_ns),
        ..VlnAction::default()
    };
    let side = |angle_rad: f64, up, down| if angle_rad > 0.0 { up } else { down };
    match motion {
        Motion::Stop => still,
        Motion::Forward { forward_m } => {
            VlnAction { action: VlnAction::FORWARD, forward_m, ..still }
        }
        Motion::Turn { turn_rad } => {
            let action = side(turn_rad, VlnAction::TURN_LEFT, VlnAction::TURN_RIGHT);
            VlnAction { action, turn_rad, ..still }
        }
        Motion::Look { look_rad } => {
            let action = side(look_rad, VlnAction::LOOK_UP, VlnAction::LOOK_DOWN);
            VlnAction { action, look_rad, ..still }
        }
    }
}

/// The number of an error in the results of `FollowInstruction`.
pub fn follow_error_code(error: &FollowError) -> u16 {
    match error {
        FollowError::NotUnderstood { .. } | FollowError::Model { .. } => {
            FollowInstructionResult::ERROR_NOT_UNDERSTOOD
        }
        FollowError::NotInMap { .. } => FollowInstructionResult::ERROR_NOT_IN_MAP,
        FollowError::NoWay { .. } => FollowInstructionResult::ERROR_NO_WAY,
        FollowError::Stuck { .. } => FollowInstructionResult::ERROR_STUCK,
        FollowError::NoPose { .. } | FollowError::ClockSetBack => {
            FollowInstructionResult::ERROR_NO_POSE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_and_up_are_positive() {
        let action = |motion| {
            let message = vln_action(motion, 1, "base_link", 5, 9);
            (message.action, message.forward_m, message.turn_rad, message.look_rad)
        };
        assert_eq!(action(Motion::Stop), (VlnAction::STOP, 0.0, 0.0, 0.0));
        let forward = Motion::Forward { forward_m: 2.0 };
        assert_eq!(action(forward), (VlnAction::FORWARD, 2.0, 0.0, 0.0));
        let turn = |turn_rad| action(Motion::Turn { turn_rad });
        assert_eq!(turn(0.5), (VlnAction::TURN_LEFT, 0.0, 0.5, 0.0));
        assert_eq!(turn(-0.5), (VlnAction::TURN_RIGHT, 0.0, -0.5, 0.0));
        let look = |look_rad| action(Motion::Look { look_rad });
        assert_eq!(look(0.5), (VlnAction::LOOK_UP, 0.0, 0.0, 0.5));
        assert_eq!(look(-0.5), (VlnAction::LOOK_DOWN, 0.0, 0.0, -0.5));
    }
}
