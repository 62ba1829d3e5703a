//! rosbag2 files: reading every common form, writing MCAP.
