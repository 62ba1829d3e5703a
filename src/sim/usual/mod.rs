//! Furniture and small things by category, of usual size and looks: those of ALFRED's homes.

pub(super) mod furniture;
pub(super) mod things;
