"""Requests that several test files use."""
import ctypes
import ctypes.util
import gzip
import json
import os

from fake_worker import COLLECTOR, TOKEN

FIXTURE = os.path.join(os.path.dirname(__file__), "../../fixtures/v3-collector-push.json.gz")


def row(queryid, **values):
    return dict(hash=queryid, text=f"SELECT {queryid}", user="app", calls=3, total_time=6.0, **values)


def body(rows=1, **extra):
    metric = dict(type="pg_query_stats", database="app", timestamp="2026-11-22T08:54:22Z",
                  queries=[row(i + 1) for i in range(rows)])
    return json.dumps(dict(collector_id=str(COLLECTOR), metrics=[metric], **extra),
                      sort_keys=True).encode()


def fixture():
    with gzip.open(FIXTURE) as file:
        return file.read()


def zstd(data):
    lib = ctypes.CDLL(ctypes.util.find_library("zstd"))
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    lib.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                  ctypes.c_size_t, ctypes.c_int]
    out = ctypes.create_string_buffer(lib.ZSTD_compressBound(len(data)))
    size = lib.ZSTD_compress(out, len(out), data, len(data), 3)
    return out.raw[:size]


def head(fields=(), method="POST", path="/api/v1/metrics/push", token=TOKEN, version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines + list(fields)) + "\r\n\r\n").encode()


def push(data=None, *fields, **options):
    data = body() if data is None else data
    return head([f"Content-Length: {len(data)}", *fields], **options) + data


def chunked(data, size=1000, extension=b"", trailer=b""):
    out = b""
    for at in range(0, len(data), size):
        part = data[at:at + size]
        out += f"{len(part):x}".encode() + extension + b"\r\n" + part + b"\r\n"
    return out + b"0\r\n" + trailer + b"\r\n"
