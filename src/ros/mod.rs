//! ROS 2 at the edge: message structs, their CDR form, conversion to and from the core.
