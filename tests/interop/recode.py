"""Fills every message type with values, serialises it by `rosbags`, and reads ours.

Usage: recode.py < types.json
Takes a JSON list of {name, text} with ROS 2 `.msg` texts (dependencies behind them, as MCAP's
`ros2msg` schemas have them) on standard input. Prints one line of JSON a type: its name, its
REP 2011 hash and its CDR bytes in hexadecimal.
"""

import itertools
import json
import sys

import numpy
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

NUMBERS = {"octet": "uint8", "byte": "uint8", "char": "uint8"}
SEQUENCE_LENGTH = 3


def main():
    asked = json.load(sys.stdin)
    store = get_typestore(Stores.EMPTY)
    types = {}
    for one in asked:
        types.update(get_types_from_msg(one["text"], one["name"]))
    store.register(types)
    for one in asked:
        message = fill(store, one["name"], itertools.count(1))
        cdr = bytes(store.serialize_cdr(message, one["name"]))
        print(json.dumps({
            "name": one["name"],
            "hash": store.hash_rihs01(one["name"]),
            "cdr": cdr.hex(),
        }))


def fill(store, name, number):
    """A message whose values all differ."""
    fields = store.fielddefs[name][1]
    return store.types[name](**{field: value(store, kind, number) for field, kind in fields})


def value(store, kind, number):
    tag, detail = kind
    if tag == Nodetype.BASE:
        return primitive(detail[0], number)
    if tag == Nodetype.NAME:
        return fill(store, detail, number)
    element, length = detail
    # Odd lengths, so that what follows is not aligned by chance; bounded sequences hold one.
    count = length if tag == Nodetype.ARRAY else min(length or SEQUENCE_LENGTH, SEQUENCE_LENGTH)
    values = [value(store, element, number) for _ in range(count)]
    if element[0] == Nodetype.BASE and element[1][0] != "string":
        return numpy.array(values, dtype=NUMBERS.get(element[1][0], element[1][0]))
    return values


def primitive(kind, number):
    at = next(number)
    if kind == "string":
        return "wörd" * (at % 3) + str(at)
    if kind == "bool":
        return at % 2 == 1
    if kind.startswith("float"):
        return -at - 0.25
    return at % 100


main()
