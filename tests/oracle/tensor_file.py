"""Safetensors files, written and read by hand (Debian 12 has no Python package for them).

The one idea of the format: 8 bytes with the length of a JSON header (little-endian), the header
  {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3],
   "data_offsets": [0, 24]}, ...}
and then the bytes of all tensors, one after another, without gaps. The description:
https://github.com/huggingface/safetensors#format
"""

import json
import struct

import numpy as np

DTYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
LONGEST_HEADER = 100_000_000


def write(path, tensors):
    """Writes a dict of float32 and float64 arrays."""
    header, data = {}, b""
    # Those of 8 bytes first, so that every number lies at a multiple of its own size.
    for name in sorted(tensors, key=lambda n: -tensors[n].itemsize):
        array = np.asarray(tensors[name])  # not ascontiguousarray, which makes () into (1)
        dtype = "F64" if array.itemsize == 8 else "F32"
        raw = array.astype(DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """Returns (tensors, metadata); an AssertionError names what is against the format."""
    content = path.read_bytes()
    assert len(content) >= 8, f"{path}: shorter than the 8 bytes of the header's length"
    (length,) = struct.unpack("<Q", content[:8])
    assert length <= LONGEST_HEADER, f"{path}: a header of {length} bytes"
    assert 8 + length <= len(content), f"{path}: ends within the header"
    text, data = content[8:8 + length], content[8 + length:]
    assert text.startswith(b"{"), f"{path}: the header does not begin with {{"

    def no_duplicates(pairs):
        assert len(dict(pairs)) == len(pairs), f"{path}: a key stands twice in the header"
        return dict(pairs)

    header = json.loads(text.decode("utf-8"), object_pairs_hook=no_duplicates)
    metadata = header.pop("__metadata__", {})
    for key, value in metadata.items():
        assert isinstance(value, str), f"{path}: metadata {key} is not a text"
    tensors, ends = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        assert set(entry) == {"dtype", "shape", "data_offsets"}, f"{path}: {name}: {sorted(entry)}"
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        size = int(np.prod(entry["shape"], dtype=np.int64)) * dtype.itemsize
        assert begin == ends, f"{path}: {name} begins at {begin}, the tensor before ends at {ends}"
        assert end - begin == size, f"{path}: {name} has {end - begin} bytes, its shape needs {size}"
        tensors[name] = np.frombuffer(data[begin:end], dtype).reshape(entry["shape"])
        ends = end
    assert ends == len(data), f"{path}: {len(data) - ends} bytes belong to no tensor"
    return tensors, metadata
