"""closes.py EVENT PATH: for each time that a file is closed for good, the time in nanoseconds since 1970.

EVENT is one of inotify(7): IN_CLOSE_WRITE for files that were open for writing, IN_CLOSE_NOWRITE for others. PATH is the
file, or the directory it is in. A lock that is held by an open file is free from that moment on. Node's fs.watch does not
tell of it.
"""

import ctypes
import os
import struct
import sys
import time

EVENTS = {"IN_CLOSE_WRITE": 0x8, "IN_CLOSE_NOWRITE": 0x10}
IS_DIRECTORY = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
event, path = sys.argv[1:]
descriptor = libc.inotify_init1(0)
if libc.inotify_add_watch(descriptor, os.fsencode(path), EVENTS[event]) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
print("watching", flush=True)
while True:
    events = os.read(descriptor, 65536)
    now = time.time_ns()
    at = 0
    while at < len(events):
        _, mask, _, length = struct.unpack_from("iIII", events, at)
        if not mask & IS_DIRECTORY:
            print(now, flush=True)
        at += struct.calcsize("iIII") + length
