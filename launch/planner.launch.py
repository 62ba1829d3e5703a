"""Starts the scenellm planner node."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare


def generate_launch_description():
    share = FindPackageShare("scenellm")
    arguments = [
        DeclareLaunchArgument(
            "namespace", default_value="", description="Namespace of the node."
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=PathJoinSubstitution([share, "config", "planner.yaml"]),
            description="ROS 2 parameter file of the node.",
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", description="debug, info, warn or error."
        ),
    ]
    node = Node(
        package="scenellm",
        executable="planner_node",
        name="scenellm_planner",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file")],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
    )
    return LaunchDescription([*arguments, node])
