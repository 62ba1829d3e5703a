"""A simulated robot in a furnished kitchen, and the scenellm planner node that watches it."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix, FindPackageShare


def generate_launch_description():
    share = FindPackageShare("scenellm")
    arguments = [
        DeclareLaunchArgument("home", default_value="7", description="Seed of the kitchen."),
        DeclareLaunchArgument(
            "seconds", default_value="600", description="How long the robot drives, seconds."
        ),
        DeclareLaunchArgument("fps", default_value="10", description="Images a second."),
        DeclareLaunchArgument(
            "rviz", default_value="true", description="Show map, objects, plan and path in RViz."
        ),
    ]
    # No launch_ros Node: the command line takes no --ros-args.
    scenellm = PathJoinSubstitution([FindPackagePrefix("scenellm"), "lib", "scenellm", "scenellm"])
    robot = ExecuteProcess(
        cmd=[
            scenellm, "sim", "publish", "--clock",
            "--home", LaunchConfiguration("home"),
            "--seconds", LaunchConfiguration("seconds"),
            "--fps", LaunchConfiguration("fps"),
        ],
        output="screen",
    )
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([share, "launch", "planner.launch.py"])
        ),
        launch_arguments={
            "robot": "simulator",
            "use_sim_time": "true",
            "rviz": LaunchConfiguration("rviz"),
        }.items(),
    )
    return LaunchDescription([*arguments, robot, node])
