"""Starts the demo and waits for a plan: `launch_test tests/launch/planner.test.py`, or `colcon test`."""

import time
import unittest

import launch
import launch_testing.actions
import launch_testing.asserts
import rclpy
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.qos import DurabilityPolicy, QoSProfile
from scenellm.msg import Plan
from std_msgs.msg import String

GOAL = "put a chilled tomato in the microwave"
PATIENCE_S = 60.0


def generate_test_description():
    demo = PathJoinSubstitution([FindPackageShare("scenellm"), "launch", "demo.launch.py"])
    return launch.LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(demo), launch_arguments={"rviz": "false"}.items()
        ),
        launch_testing.actions.ReadyToTest(),
    ])


class TestPlan(unittest.TestCase):
    def setUp(self):
        rclpy.init()
        self.node = rclpy.create_node("operator")

    def tearDown(self):
        self.node.destroy_node()
        rclpy.shutdown()

    def test_a_goal_becomes_a_plan(self):
        plans = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(Plan, "/scenellm_planner/plan", plans.append, latched)
        goal = self.node.create_publisher(String, "/scenellm_planner/goal", 10)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and not plans:
            goal.publish(String(data=GOAL))
            rclpy.spin_once(self.node, timeout_sec=1.0)
        self.assertTrue(plans, f"no plan within {PATIENCE_S} s")
        self.assertEqual(plans[0].goal, GOAL)
        self.assertEqual(plans[0].refusal, Plan.REFUSAL_NONE)
        self.assertGreaterEqual(len(plans[0].steps), 3)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_all_end_well(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
