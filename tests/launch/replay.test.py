"""`ros2 bag play` into the node and `scenellm replay` of the same bag come to the same plan and, within
the tolerances below, to the same map: `launch_test tests/launch/replay.test.py`, or `colcon test`."""

import json
import math
import pathlib
import subprocess
import tempfile
import time
import unittest

import launch
import launch_testing.actions
import rclpy
from ament_index_python.packages import get_package_prefix
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from rclpy.qos import DurabilityPolicy, QoSProfile
from scenellm.msg import Plan
from scenellm.srv import ExportMap
from std_msgs.msg import String

BAG = pathlib.Path(__file__).parents[2] / "bags" / "kitchen_sim"
GOAL = "put a chilled tomato in the microwave"
PARAMETERS = """/**:
  ros__parameters:
    image_transport: compressed
    depth_transport: compressedDepth
"""
# The bag takes 24 s. The node takes the newest frame where it falls behind, so a frame or two may be
# missing in its map.
PATIENCE_S = 120.0
VOXELS = 0.03
POSITION_M = 0.02

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="scenellm_replay_"))


def generate_test_description():
    parameters = FOLDER / "parameters.yaml"
    parameters.write_text(PARAMETERS)
    replay = PathJoinSubstitution([FindPackageShare("scenellm"), "launch", "replay.launch.py"])
    return launch.LaunchDescription([
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(replay),
            launch_arguments={
                "bag": str(BAG),
                "params_file": str(parameters),
                "robot": "simulator",
            }.items(),
        ),
        launch_testing.actions.ReadyToTest(),
    ])


def replayed():
    """The map and the plan of `scenellm replay`."""
    program = pathlib.Path(get_package_prefix("scenellm")) / "lib" / "scenellm" / "scenellm"
    out = FOLDER / "replay"
    subprocess.run(
        [program, "replay", BAG, "--goal", GOAL, "--model", model(), "--out", out],
        check=True, stdout=subprocess.DEVNULL,
    )
    return [json.loads((out / name).read_text()) for name in ("map.json", "plan.json")]


def model():
    return pathlib.Path(get_package_prefix("scenellm")) / "share" / "scenellm" / "models" / "nano"


class TestReplay(unittest.TestCase):
    def setUp(self):
        rclpy.init()
        self.node = rclpy.create_node("operator")

    def tearDown(self):
        self.node.destroy_node()
        rclpy.shutdown()

    def played(self):
        """The map of the node, once it has not changed for three seconds."""
        client = self.node.create_client(ExportMap, "/scenellm_planner/export_map")
        self.assertTrue(client.wait_for_service(30.0), "the node offers its services")
        path = FOLDER / "played.json"
        counts, end = [], time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            answer = client.call_async(ExportMap.Request(path=str(path)))
            rclpy.spin_until_future_complete(self.node, answer, timeout_sec=30.0)
            result = answer.result()
            self.assertEqual(result.error_code, 0, result.error_msg)
            counts.append(result.voxels)
            if len(counts) > 3 and counts[-1] > 0 and counts[-1] == counts[-4]:
                return json.loads(path.read_text())
            time.sleep(1.0)
        self.fail(f"the map did not come to rest: {counts[-10:]}")

    def planned(self):
        plans = []
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.node.create_subscription(Plan, "/scenellm_planner/plan", plans.append, latched)
        goal = self.node.create_publisher(String, "/scenellm_planner/goal", 10)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and not plans:
            goal.publish(String(data=GOAL))
            rclpy.spin_once(self.node, timeout_sec=1.0)
        self.assertTrue(plans, f"no plan within {PATIENCE_S} s")
        return plans[-1]

    def test_both_ways_come_to_the_same(self):
        played = self.played()
        plan = self.planned()
        replayed_map, replayed_plan = replayed()

        wanted = replayed_map["counts"]["voxels"]
        self.assertLess(abs(played["counts"]["voxels"] - wanted), VOXELS * wanted)
        labels = lambda known: sorted(thing["label"] for thing in known["objects"])
        self.assertEqual(labels(played), labels(replayed_map))
        for thing in replayed_map["objects"]:
            same = [other for other in played["objects"] if other["label"] == thing["label"]]
            apart = min(math.dist(other["position_m"], thing["position_m"]) for other in same)
            self.assertLess(apart, POSITION_M, thing["label"])

        steps = [(step.action, [word.name for word in step.arguments]) for step in plan.steps]
        self.assertEqual(steps, [
            (step["action"], [word["name"] for word in step["arguments"]])
            for step in replayed_plan["steps"]
        ])
