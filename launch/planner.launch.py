"""Starts the scenellm planner node."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
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
            "robot",
            default_value="none",
            choices=["none", "realsense", "oak_d", "zed", "azure_kinect", "simulator"],
            description="Camera whose topics are listened to (config/robots); none leaves those "
            "of params_file.",
        ),
        DeclareLaunchArgument(
            "model",
            default_value=PathJoinSubstitution([share, "models", "nano"]),
            description="Folder of the planner model.",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="false",
            description="Take the time from /clock (simulator, or ros2 bag play --clock).",
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", description="debug, info, warn or error."
        ),
        DeclareLaunchArgument(
            "use_respawn", default_value="false", description="Start the node again when it dies."
        ),
        DeclareLaunchArgument(
            "rviz", default_value="false", description="Show map, objects, plan and path in RViz."
        ),
    ]
    use_sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    node = Node(
        package="scenellm",
        executable="planner_node",
        name="scenellm_planner",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            LaunchConfiguration("params_file"),
            [PathJoinSubstitution([share, "config", "robots", LaunchConfiguration("robot")]), ".yaml"],
            {"plan.model": LaunchConfiguration("model"), "use_sim_time": use_sim_time},
        ],
        remappings=[("/tf", "tf"), ("/tf_static", "tf_static")],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        respawn=LaunchConfiguration("use_respawn"),
        respawn_delay=2.0,
        output="screen",
        emulate_tty=True,
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        namespace=LaunchConfiguration("namespace"),
        arguments=["-d", PathJoinSubstitution([share, "rviz", "planner.rviz"])],
        parameters=[{"use_sim_time": use_sim_time}],
        remappings=[("/tf", "tf"), ("/tf_static", "tf_static")],
        condition=IfCondition(LaunchConfiguration("rviz")),
        output="screen",
    )
    return LaunchDescription([*arguments, node, rviz])
