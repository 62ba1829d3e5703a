//! Furnished homes, a software depth camera and a moving robot, with exact ground truth.
