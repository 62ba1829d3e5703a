"""Plays a bag into the scenellm planner node, in the bag's own time."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description():
    share = FindPackageShare("scenellm")
    arguments = [
        DeclareLaunchArgument("bag", description="The bag: a folder, or a file of one."),
        DeclareLaunchArgument("rate", default_value="1.0", description="Speed of the replay."),
        DeclareLaunchArgument(
            "params_file",
            default_value=PathJoinSubstitution([share, "config", "planner.yaml"]),
            description="ROS 2 parameter file of the node; it names the topics of the bag.",
        ),
        DeclareLaunchArgument(
            "robot",
            default_value="none",
            description="Camera the bag was recorded with (config/robots); none leaves the topics "
            "of params_file.",
        ),
    ]
    # The clock comes from the bag: --clock publishes it, and the node waits for it.
    play = ExecuteProcess(
        cmd=[
            "ros2", "bag", "play", LaunchConfiguration("bag"),
            "--clock", "--rate", LaunchConfiguration("rate"),
        ],
        output="screen",
    )
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([share, "launch", "planner.launch.py"])
        ),
        launch_arguments={
            "params_file": LaunchConfiguration("params_file"),
            "robot": LaunchConfiguration("robot"),
            "use_sim_time": "true",
        }.items(),
    )
    return LaunchDescription([*arguments, node, play])
