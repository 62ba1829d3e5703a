"""A bare subscriber on Cyclone DDS: counts two images and a transform topic and how late they come.

Usage: cyclone_listener.py DOMAIN
Prints one line of JSON when nothing has come for three seconds.

The types are as the samples lie in memory, so that Python does not read image bytes one by one: a
sequence of known length is its length and an array.
"""

import json
import resource
import sys
import time
from importlib.metadata import version

import numpy
from cyclonedds.core import Policy, Qos
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import make_idl_struct
from cyclonedds.idl.types import array, float64, int32, uint8, uint32
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration
from cyclonedds.core import WaitSet, ReadCondition, ViewState, InstanceState, SampleState

SILENCE_S, PATIENCE_S = 3.0, 60.0
HEADER = {"sec": int32, "nanosec": uint32, "frame": str}
IMAGE = make_idl_struct("Image_", "sensor_msgs.msg.dds_.Image_", {
    **HEADER, "height": uint32, "width": uint32, "encoding": str, "is_bigendian": uint8,
    "step": uint32, "length": uint32, "data": array[uint8, 640 * 480 * 3],
})
TRANSFORMS = make_idl_struct("TFMessage_", "tf2_msgs.msg.dds_.TFMessage_", {
    "length": uint32, **HEADER, "child": str, "transform": array[float64, 7],
})
XCDR1 = Policy.DataRepresentation(use_cdrv0_representation=True)


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    participant = DomainParticipant(int(sys.argv[1]))
    wait = WaitSet(participant)
    late_ms = {True: [], False: []}
    readers = []
    for name, kind, depth in (("color", IMAGE, 2), ("depth", IMAGE, 2), ("tf", TRANSFORMS, 100)):
        qos = Qos(Policy.Reliability.BestEffort, Policy.History.KeepLast(depth), XCDR1)
        reader = DataReader(participant, Topic(participant, f"rt/bench/{name}", kind, qos=qos), qos=qos)
        wait.attach(ReadCondition(reader, ViewState.Any | InstanceState.Any | SampleState.Any))
        readers.append((reader, kind is IMAGE))
    begin = newest = None
    began_cpu_s = spent_s = 0.0
    while time.monotonic() - (newest or START) < (SILENCE_S if newest else PATIENCE_S):
        wait.wait(duration(milliseconds=500))
        for reader, is_image in readers:
            for sample in reader.take(N=100):
                if not sample.sample_info.valid_data:  # the publisher has gone
                    continue
                now_s = time.time()
                if begin is None:
                    begin, began_cpu_s = time.monotonic(), cpu_s()
                late_ms[is_image].append((now_s - sample.sec - sample.nanosec * 1e-9) * 1e3)
                newest = time.monotonic()
        spent_s = cpu_s() - began_cpu_s
    if begin is None:
        sys.exit("nothing came")
    quantile = lambda is_image, at: float(numpy.quantile(late_ms[is_image] or [0.0], at))
    print(json.dumps({
        "program": f"cyclonedds {version('cyclonedds')} (Python)",
        "images": len(late_ms[True]),
        "transforms": len(late_ms[False]),
        "image_p50_ms": quantile(True, 0.5),
        "image_p99_ms": quantile(True, 0.99),
        "transform_p50_ms": quantile(False, 0.5),
        "transform_p99_ms": quantile(False, 0.99),
        "cpu_percent": 100 * spent_s / max(newest - begin, 1e-3),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


START = time.monotonic()
main()
