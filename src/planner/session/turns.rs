//! Which frames get what takes too long to be done with each of them.

/// Of the frames of each camera the first has a turn, and then each so many-th: counted over all of
/// two cameras, every other turn would always be the same one's.
pub(super) struct Turns {
    every: u32,
    /// Frames of each camera since the last turn.
    since: Vec<u32>,
}

impl Turns {
    /// Every so many frames of each of so many cameras.
    pub fn new(every: u32, cameras: usize) -> Self {
        Self { every, since: vec![every; cameras] }
    }

    /// Whether it is the turn of the frame of `camera` that has come.
    pub fn take(&mut self, camera: usize) -> bool {
        let Some(since) = self.since.get_mut(camera) else { return false };
        *since = since.saturating_add(1);
        let is_turn = *since >= self.every;
        if is_turn {
            *since = 0;
        }
        is_turn
    }
}
