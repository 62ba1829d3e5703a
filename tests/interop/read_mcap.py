"""Reads every message of MCAP bags by two readers of third parties, with the bags' own schemas.

Usage: read_mcap.py BAG...
Prints one line of JSON a bag: by reader and topic the type, the number of messages, and what some
fields hold.
"""

import json
import pathlib
import sys

from mcap_ros2.reader import read_ros2_messages
from rosbags.highlevel import AnyReader


def told(message):
    """What is compared with the writer's word, for the types that have it."""
    if hasattr(message, "steps"):
        return [
            [step.id, step.action, [argument.name for argument in step.arguments]]
            for step in message.steps
        ]
    if hasattr(message, "transforms"):
        moved = message.transforms[0]
        x = moved.transform.translation
        return [moved.header.frame_id, moved.child_frame_id, [x.x, x.y, x.z]]
    if hasattr(message, "encoding"):
        return [message.width, message.height, message.encoding, len(message.data)]
    if hasattr(message, "fields"):
        return [[field.name for field in message.fields], message.width, len(message.data)]
    if hasattr(message, "detections"):
        return [one.results[0].hypothesis.class_id for one in message.detections]
    if hasattr(message, "k"):
        return [message.width, message.height, [float(value) for value in message.k]]
    return message.data if hasattr(message, "data") and isinstance(message.data, str) else None


def by_topic(messages):
    topics = {}
    for topic, type_name, message in messages:
        entry = topics.setdefault(topic, {"type": type_name, "count": 0, "last": None})
        entry["count"] += 1
        entry["last"] = told(message)
    return topics


def with_rosbags(path):
    with AnyReader([path]) as reader:
        yield from (
            (connection.topic, connection.msgtype, reader.deserialize(data, connection.msgtype))
            for connection, _, data in reader.messages()
        )


def with_mcap_ros2(path):
    for one in read_ros2_messages(str(path)):
        yield one.channel.topic, one.schema.name, one.ros_msg


for path in map(pathlib.Path, sys.argv[1:]):
    readers = {"rosbags": with_rosbags, "mcap_ros2": with_mcap_ros2}
    print(json.dumps({name: by_topic(read(path)) for name, read in readers.items()}))
