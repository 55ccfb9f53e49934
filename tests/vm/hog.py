#!/usr/bin/python3
"""Takes memory until something ends it: `hog.py` at once, `hog.py server` when it gets SIGUSR1."""
import signal
import sys

PIECE = 16 * 1024 * 1024


def eat(*_):
    held = []
    while True:
        held.append(b"\x5a" * PIECE)


if sys.argv[1:] == ["server"]:
    signal.signal(signal.SIGUSR1, eat)
    while True:
        signal.pause()
eat()
