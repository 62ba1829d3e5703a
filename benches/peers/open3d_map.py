"""Frames a second from a rosbag2 into an Open3D VoxelBlockGrid, on one core.

Usage: open3d_map.py BAG COLOR_TOPIC DEPTH_TOPIC DEPTH_INFO_TOPIC WORLD_FRAME VOXEL_M SECONDS
Needs the packages open3d, opencv-python-headless and rosbags. Prints one line of JSON.

The bag is in memory, and all poses are known, before the clock starts. Depth is taken as lying on
the colour pixels: Open3D's grid has no step that carries it there.
"""

import os

CORE = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {CORE})
os.environ["OMP_NUM_THREADS"] = "1"

import json
import statistics
import struct
import sys
import time
from bisect import bisect_left
from pathlib import Path

import cv2
import numpy as np
import open3d as o3d
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

cv2.setNumThreads(1)

MAX_DEPTH_M = 6.0
SLOP_NS = 20_000_000
# Edge of a block in voxels, and truncation of the distance field in voxels.
BLOCK = 8
TRUNCATION = 4.0
BLOCKS = 20_000


def stamp_ns(header):
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def matrix(transform):
    q, t = transform.rotation, transform.translation
    x, y, z, w = q.x, q.y, q.z, q.w
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), t.x],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), t.y],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), t.z],
            [0, 0, 0, 1],
        ]
    )


def decode_color(kind, message):
    if kind.endswith("CompressedImage"):
        return cv2.cvtColor(cv2.imdecode(message.data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    image = message.data.reshape(message.height, message.step)[:, : message.width * 3]
    image = image.reshape(message.height, message.width, 3)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if message.encoding == "bgr8" else image


def decode_depth(kind, message):
    """Depth and how many of its units make a metre."""
    if kind.endswith("CompressedImage"):
        data = message.data
        if "compressedDepth" in message.format:
            # A header of an enum and two floats stands before the PNG.
            data = data[12:]
            if message.format.startswith("32FC1"):
                return unquantise(message.data, data), 1.0
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED), 1000.0
    if message.encoding == "32FC1":
        return message.data.view(np.float32).reshape(message.height, message.width), 1.0
    return message.data.view(np.uint16).reshape(message.height, message.width), 1000.0


def unquantise(message, png):
    a, b = struct.unpack_from("<ff", message.tobytes(), 4)
    steps = cv2.imdecode(png, cv2.IMREAD_UNCHANGED).astype(np.float32)
    return np.where(steps > 0, a / np.maximum(steps - b, 1e-6), 0).astype(np.float32)


class Poses:
    """The transform tree; every edge is looked up at its nearest stamp."""

    def __init__(self):
        self.edges = {}

    def add(self, message, always):
        for t in message.transforms:
            child, parent = t.child_frame_id.lstrip("/"), t.header.frame_id.lstrip("/")
            stamps, matrices = self.edges.setdefault(child, (parent, [], []))[1:]
            stamps.append(0 if always else stamp_ns(t.header))
            matrices.append(matrix(t.transform))

    def world_T(self, world, frame, at_ns):
        pose, frame = np.eye(4), frame.lstrip("/")
        while frame != world:
            if frame not in self.edges:
                sys.exit(f"no transform leads from {world} to {frame}")
            parent, stamps, matrices = self.edges[frame]
            after = min(bisect_left(stamps, at_ns), len(stamps) - 1)
            before = max(after - 1, 0)
            near = after if abs(stamps[after] - at_ns) < abs(stamps[before] - at_ns) else before
            pose, frame = matrices[near] @ pose, parent
        return pose


def load(bag, color_topic, depth_topic, info_topic, world):
    colors, depths, info, poses = [], [], None, Poses()
    store = get_typestore(Stores.ROS2_HUMBLE)
    with AnyReader([Path(bag)], default_typestore=store) as reader:
        wanted = {color_topic, depth_topic, info_topic, "/tf", "/tf_static"}
        for connection, _, raw in reader.messages(
            [c for c in reader.connections if c.topic in wanted]
        ):
            message = reader.deserialize(raw, connection.msgtype)
            topic = connection.topic
            if topic == color_topic:
                colors.append((stamp_ns(message.header), connection.msgtype, message))
            elif topic == depth_topic:
                depths.append((stamp_ns(message.header), connection.msgtype, message))
            elif topic == info_topic:
                info = message
            else:
                poses.add(message, topic == "/tf_static")
    frames, stamps = [], [depth[0] for depth in depths]
    for at_ns, kind, color in colors:
        near = bisect_left(stamps, at_ns - SLOP_NS)
        if near == len(stamps) or stamps[near] > at_ns + SLOP_NS:
            continue
        pose = poses.world_T(world, color.header.frame_id, at_ns)
        frames.append((kind, color, depths[near][1], depths[near][2], np.linalg.inv(pose)))
    return frames, np.array(info.k).reshape(3, 3)


def one_pass(frames, intrinsic, voxel_m):
    device = o3d.core.Device("CPU:0")
    grid = o3d.t.geometry.VoxelBlockGrid(
        attr_names=("tsdf", "weight", "color"),
        attr_dtypes=(o3d.core.float32,) * 3,
        attr_channels=((1), (1), (3)),
        voxel_size=voxel_m,
        block_resolution=BLOCK,
        block_count=BLOCKS,
        device=device,
    )
    intrinsic = o3d.core.Tensor(intrinsic, o3d.core.float64)
    decode_s = 0.0
    start = time.perf_counter()
    for color_kind, color, depth_kind, depth, camera_T_world in frames:
        begin = time.perf_counter()
        color = decode_color(color_kind, color)
        depth, scale = decode_depth(depth_kind, depth)
        decode_s += time.perf_counter() - begin
        color = o3d.t.geometry.Image(np.ascontiguousarray(color))
        depth = o3d.t.geometry.Image(np.ascontiguousarray(depth))
        extrinsic = o3d.core.Tensor(camera_T_world, o3d.core.float64)
        blocks = grid.compute_unique_block_coordinates(
            depth, intrinsic, extrinsic, scale, MAX_DEPTH_M, TRUNCATION
        )
        grid.integrate(
            blocks, depth, color, intrinsic, intrinsic, extrinsic, scale, MAX_DEPTH_M, TRUNCATION
        )
    return time.perf_counter() - start, decode_s


def main():
    bag, color, depth, info, world, voxel_m, seconds = sys.argv[1:8]
    frames, intrinsic = load(bag, color, depth, info, world)
    if not frames:
        sys.exit("no pair of images in the bag")
    one_pass(frames, intrinsic, float(voxel_m))
    passes, spent_s = [], 0.0
    while not passes or spent_s < float(seconds):
        passes.append(one_pass(frames, intrinsic, float(voxel_m)))
        spent_s += passes[-1][0]
    count = len(frames)
    wall_s = statistics.median(wall for wall, _ in passes)
    decode_s = statistics.median(decode for _, decode in passes)
    print(
        json.dumps(
            {
                "program": f"Open3D {o3d.__version__}, OpenCV {cv2.__version__}",
                "frames_per_s": count / wall_s,
                "decode_ms": decode_s / count * 1e3,
                "integrate_ms": (wall_s - decode_s) / count * 1e3,
                "threads": 1,
            }
        )
    )


main()
