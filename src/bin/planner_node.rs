//! The ROS 2 node that the launch file starts.

fn main() {}
