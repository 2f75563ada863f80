"""Runs a program and says what it cost: `measured.py PROGRAM ARGUMENT...`; one line of JSON about it on descriptor 3.

A process of its own, because a child's peak memory begins with what its parent had: here that is a few megabytes.
"""
import json
import os
import resource
import subprocess
import sys

code = subprocess.run(sys.argv[1:], close_fds=True).returncode
cost = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(3, json.dumps({"exit": code, "cpu_ms": (cost.ru_utime + cost.ru_stime) * 1000, "peak_kb": cost.ru_maxrss}).encode())
