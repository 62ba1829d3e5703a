"""IDL types of Cyclone DDS, made from the `.msg` and `.srv` texts of this repository.

The texts are read anew here, so that a struct which differs from its text does not fit on the wire.
"""

import functools
import pathlib

from cyclonedds.idl import make_idl_struct, types

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFINITIONS = ROOT / "src/ros/definitions"
PRIMITIVES = {
    "bool": bool, "byte": types.uint8, "char": types.uint8, "string": str,
    "float32": types.float32, "float64": types.float64,
    "int8": types.int8, "int16": types.int16, "int32": types.int32, "int64": types.int64,
    "uint8": types.uint8, "uint16": types.uint16, "uint32": types.uint32, "uint64": types.uint64,
}


def folder(package, kind):
    return ROOT / kind if package == "scenellm" else DEFINITIONS / package


@functools.cache
def message(name):
    """The type of `package/Name`."""
    package, short = name.split("/")
    text = (folder(package, "msg") / f"{short}.msg").read_text()
    return struct(f"{package}.msg.dds_.{short}_", fields(package, text))


@functools.cache
def service(name):
    """The types of request and response of `package/Name`, as Cyclone's RMW has them: behind the
    client's id and the request's number."""
    package, short = name.split("/")
    texts = (folder(package, "srv") / f"{short}.srv").read_text().split("---\n")
    head = {"client": types.uint64, "number": types.int64}
    return tuple(
        struct(f"{package}.srv.dds_.{short}_{part}_", {**head, **fields(package, text)})
        for part, text in zip(("Request", "Response"), texts)
    )


def struct(typename, members):
    # DDS knows no empty types.
    members = members or {"structure_needs_at_least_one_member": types.uint8}
    return make_idl_struct(typename.rsplit(".", 1)[-1], typename, members)


def fields(package, text):
    members = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 2 and "=" not in "".join(words[1:]):
            members[words[1]] = field(package, words[0])
    return members


def field(package, kind):
    element, _, bound = kind.partition("[")
    base = PRIMITIVES.get(element)
    if base is None:
        base = message(element if "/" in element else f"{package}/{element}")
    if not bound:
        return base
    length = bound.rstrip("]")
    if length.isdigit():
        return types.array[base, int(length)]
    return types.sequence[base]
