"""A robot and its operator on Cyclone DDS: plays a bag to the node, talks to it, and tells what came.

Usage: cyclone_peer.py DOMAIN BAG NODE GOAL
Prints one line of JSON: what was heard, by topic, and what the services answered. The node runs
with RMW_IMPLEMENTATION=rmw_cyclonedds_cpp.
"""

import json
import pathlib
import random
import sys
import threading
import time

import idl
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration
from rosbags.highlevel import AnyReader

PATIENCE_S = 120
# Times that something is said within it.
TRIES = 5
XCDR1 = Policy.DataRepresentation(use_cdrv0_representation=True)
RELIABLE = Policy.Reliability.Reliable(duration(seconds=1))
EVENT = Qos(RELIABLE, Policy.History.KeepLast(50), XCDR1)
LATCHED = Qos(RELIABLE, Policy.Durability.TransientLocal, Policy.History.KeepLast(1), XCDR1)
SENSOR = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(5), XCDR1)


class Ear:
    """Keeps every message of a topic."""

    def __init__(self, participant, name, type_name, qos):
        self.reader = DataReader(participant, topic(participant, name, type_name, qos), qos=qos)
        self.heard = []

    def listen(self):
        self.heard.extend(self.reader.take(N=100))
        return self.heard


def topic(participant, name, type_name, qos):
    return Topic(participant, f"rt{name}", idl.message(type_name), qos=qos)


def wait_for(what, attempt, patience_s=PATIENCE_S, is_fatal=True):
    """Tries until something comes of it; where nothing does, that is the end, or None."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = attempt()
        if found:
            return found
        time.sleep(0.05)
    if not is_fatal:
        return None
    sys.exit(f"waited {patience_s} s in vain for {what}")


class Client:
    """Calls a service the way Cyclone's RMW does."""

    def __init__(self, participant, name, type_name):
        self.request, response = idl.service(type_name)
        asked = Topic(participant, f"rq{name}Request", self.request, qos=EVENT)
        answered = Topic(participant, f"rr{name}Reply", response, qos=EVENT)
        self.name = name
        self.writer = DataWriter(participant, asked, qos=EVENT)
        self.reader = DataReader(participant, answered, qos=EVENT)
        self.client, self.number = random.getrandbits(63), 0
        wait_for(f"the service {name}", lambda: self.writer.get_matched_subscriptions()
                 and self.reader.get_matched_publications())

    def call(self, **arguments):
        self.number += 1
        self.writer.write(self.request(client=self.client, number=self.number, **arguments))

        def answer():
            for response in self.reader.take(N=10):
                if (response.client, response.number) == (self.client, self.number):
                    return response
            return None

        return wait_for(f"an answer of {self.name}", answer)


def play(participant, bag, enough):
    """Publishes the messages of the bag until the node has seen enough of them."""
    with AnyReader([pathlib.Path(bag)]) as reader:
        writers = {}
        for connection in reader.connections:
            qos = SENSOR if "camera" in connection.topic else EVENT
            qos = LATCHED if connection.topic == "/tf_static" else qos
            name = connection.msgtype.replace("/msg/", "/")
            writers[connection.topic] = DataWriter(
                participant, topic(participant, connection.topic, name, qos), qos=qos
            )
        for name, writer in writers.items():
            wait_for(f"a listener on {name}", writer.get_matched_subscriptions)
        for connection, _, cdr in reader.messages():
            name = connection.msgtype.replace("/msg/", "/")
            message = idl.message(name).deserialize(cdr)
            writers[connection.topic].write(message)
            if connection.topic == "/tf_static":
                stay_alive(writers[connection.topic], message)
            if "color/image_raw" in connection.topic:
                time.sleep(0.1)
                if enough():
                    break
    return writers


def stay_alive(writer, message):
    """Goes on telling the node something: where all is silent it joins the graph anew, and what is
    said meanwhile is lost to us."""
    def tell():
        while True:
            writer.write(message)
            time.sleep(0.5)

    threading.Thread(target=tell, daemon=True).start()


def insist(what, say, attempt):
    """Says something until something comes of it: what is said before the listener knows the speaker is
    lost, as anywhere in ROS."""
    for tries_left in reversed(range(TRIES)):
        say()
        found = wait_for(what, attempt, PATIENCE_S / TRIES, is_fatal=tries_left == 0)
        if found:
            return found


def value(diagnostics, part, key):
    for message in reversed(diagnostics.listen()):
        for status in message.status:
            if status.name.endswith(part):
                return next((int(one.value) for one in status.values if one.key == key), 0)
    return 0


def plan(message):
    return {
        "goal": message.goal, "refusal": message.refusal, "frame": message.header.frame_id,
        "steps": [[step.id, step.action, [word.name for word in step.arguments]]
                  for step in message.steps],
        "grounded": sum(word.grounded for step in message.steps for word in step.arguments),
    }


def main():
    domain, bag, node, goal = sys.argv[1:]
    participant = DomainParticipant(int(domain))
    ear = lambda name, kind, qos: Ear(participant, name, kind, qos)
    plans = ear(f"{node}/plan", "scenellm/Plan", LATCHED)
    steps = ear(f"{node}/plan/steps", "scenellm/PlanStep", LATCHED)
    words = ear(f"{node}/dialogue/out", "std_msgs/String", EVENT)
    stream = ear(f"{node}/dialogue/stream", "scenellm/StreamingText", EVENT)
    markers = ear(f"{node}/markers", "visualization_msgs/MarkerArray", LATCHED)
    objects = ear(f"{node}/objects", "vision_msgs/Detection3DArray", LATCHED)
    path = ear(f"{node}/path", "nav_msgs/Path", LATCHED)
    clouds = ear(f"{node}/map", "sensor_msgs/PointCloud2", LATCHED)
    frames = ear(f"{node}/frame", "sensor_msgs/PointCloud2", SENSOR)
    diagnostics = ear("/diagnostics", "diagnostic_msgs/DiagnosticArray", EVENT)

    def mouth(name):
        writer = DataWriter(participant, topic(participant, name, "std_msgs/String", EVENT), qos=EVENT)
        wait_for(f"a listener on {name}", writer.get_matched_subscriptions)
        return lambda text: writer.write(idl.message("std_msgs/String")(data=text))

    writers = play(participant, bag, lambda: value(diagnostics, "map", "frames") >= 12)
    wait_for("frames in the map", lambda: value(diagnostics, "map", "frames") >= 3)
    wait_for("objects", lambda: any(one.detections for one in objects.listen()))
    say_goal = mouth(f"{node}/goal")
    planned = lambda: [one for one in plans.listen() if one.goal == goal]
    made = insist("a plan", lambda: say_goal(goal), planned)[-1]
    shown = wait_for("markers", markers.listen)[-1]
    wait_for("the end of the text", lambda: [one for one in stream.listen() if one.done])
    told = {"stream": [[one.stream, one.done, one.data] for one in stream.heard]}
    wait_for("a step", steps.listen)
    for ear_ in (clouds, frames, path):
        wait_for("clouds and the path", ear_.listen)

    say = mouth(f"{node}/dialogue/in")
    answers = []
    for question in ("where is the microwave?", "how many of them are there?", "where is it?"):
        before = len(words.listen())
        heard = insist(question, lambda: say(question), lambda: words.listen()[before:])
        answers.append(heard[-1].data)

    asked = Client(participant, f"{node}/ask", "scenellm/Ask").call(question="where is the fridge?")
    get = Client(participant, f"{node}/get_parameters", "rcl_interfaces/GetParameters")
    put = Client(participant, f"{node}/set_parameters", "rcl_interfaces/SetParameters")
    name = "publish.stale_after_s"
    setting = lambda double: put.call(parameters=[idl.message("rcl_interfaces/Parameter")(
        name=name, value=idl.message("rcl_interfaces/ParameterValue")(
            type=3, bool_value=False, integer_value=0, double_value=double, string_value="",
            byte_array_value=[], bool_array_value=[], integer_array_value=[],
            double_array_value=[], string_array_value=[]))]).results[0]
    read = lambda: get.call(names=[name]).values[0].double_value
    parameters = [read(), setting(9.5).successful, read(), setting(-1.0).reason, read()]

    say("stop")
    withdrawn = wait_for("the plan's end", lambda: [one for one in plans.listen() if one.refusal])
    cleared = wait_for("no markers", lambda: len(markers.listen()) > 1 and markers.heard[-1])
    print(json.dumps({
        **told,
        "topics": sorted(writers),
        "plan": plan(made),
        "step": [steps.heard[0].id, steps.heard[0].action],
        "markers": [[one.ns, one.id, one.type, one.action, one.text] for one in shown.markers],
        "objects": len(objects.heard[-1].detections),
        "path": len(path.heard[-1].poses),
        "map": [clouds.heard[-1].header.frame_id, clouds.heard[-1].width],
        "frame": [frames.heard[-1].header.frame_id, frames.heard[-1].width],
        "answers": answers,
        "ask": [asked.error_code, asked.answer, list(asked.object_ids)],
        "parameters": parameters,
        "withdrawn": plan(withdrawn[-1]),
        "cleared": [[one.action] for one in cleared.markers],
    }))


main()
