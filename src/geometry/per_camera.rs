//! What is computed once for a camera and kept for its next frames.

use std::collections::VecDeque;

use super::CameraModel;

/// For how many cameras something is kept. A table of rays takes some megabytes, and of a calibration
/// that changes all the time none is wanted again.
const MOST_CAMERAS: usize = 8;

/// Something for each of the newest cameras. Those of a robot take turns: were only the last one's kept,
/// each would be computed anew with every frame.
#[derive(Debug, Clone)]
pub struct PerCamera<T>(VecDeque<(CameraModel, T)>);

impl<T> Default for PerCamera<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Clone> PerCamera<T> {
    /// What is kept for `camera`, or else what `make` makes, which is kept from now on; of too many
    /// cameras the one that came first goes.
    ///
    /// # Errors
    ///
    /// Those of `make`; then nothing is kept.
    pub fn get_or_make<E>(
        &mut self,
        camera: &CameraModel,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some((_, kept)) = self.0.iter().find(|(of, _)| of == camera) {
            return Ok(kept.clone());
        }
        let made = make()?;
        if self.0.len() == MOST_CAMERAS {
            self.0.pop_front();
        }
        self.0.push_back((*camera, made.clone()));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn camera(number: usize) -> CameraModel {
        CameraModel::pinhole(64, 48, 50.0 + number as f64, 50.0, 31.5, 23.5)
    }

    #[test]
    fn cameras_that_take_turns_are_made_ready_once() {
        let made = Cell::new(0);
        let mut kept = PerCamera::default();
        let mut ask = |number: usize| {
            let make = || {
                made.set(made.get() + 1);
                Ok::<_, String>(number)
            };
            assert_eq!(kept.get_or_make(&camera(number), make), Ok(number));
            made.get()
        };
        for turn in 0..3 * MOST_CAMERAS {
            ask(turn % MOST_CAMERAS);
        }
        assert_eq!(ask(0), MOST_CAMERAS);
        // One more takes the place of the first.
        assert_eq!(ask(MOST_CAMERAS), MOST_CAMERAS + 1);
        assert_eq!(ask(1), MOST_CAMERAS + 1);
        assert_eq!(ask(0), MOST_CAMERAS + 2);
    }

    #[test]
    fn what_cannot_be_made_is_tried_again() {
        let mut kept = PerCamera::default();
        assert_eq!(kept.get_or_make(&camera(0), || Err::<usize, _>("bad")), Err("bad"));
        assert_eq!(kept.get_or_make(&camera(0), || Ok::<_, &str>(3)), Ok(3));
    }
}
