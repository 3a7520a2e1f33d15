"""Prints what a MO file holds, by its keys, as JSON. Argument: the file."""

import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
count, keys, texts = struct.unpack_from("<3I", data, 8)


def at(table, index):
    length, offset = struct.unpack_from("<2I", data, table + 8 * index)
    return data[offset : offset + length].decode()


print(json.dumps({at(keys, index): at(texts, index) for index in range(count)}))
