#!/bin/bash
# Runs a command in the sourced workspace.
set -e
source "/opt/ros/${ROS_DISTRO}/setup.bash"
source /workspace/install/setup.bash
exec "$@"
