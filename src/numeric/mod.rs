//! What goes over rows of numbers on a CPU, for encoders, decoders and their training alike.

pub(crate) mod rows;
pub(crate) mod softmax;
