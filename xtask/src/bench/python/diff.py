"""Times the diff of two files. Arguments: before, after, times, seconds at most."""
import signal
import statistics
import sys
import time
from pathlib import Path

import supervise

before, after = (Path(name).read_text() for name in sys.argv[1:3])
times, seconds = map(int, sys.argv[3:])
took, start = [], time.perf_counter()


def out_of_time(*_):
    # The run under way has taken at least as long as this.
    spent = took or [(time.perf_counter() - start) * 1e3]
    print(statistics.median(spent), max(spent), flush=True)
    raise SystemExit(0)


signal.signal(signal.SIGALRM, out_of_time)
signal.alarm(seconds)
for _ in range(times):
    start = time.perf_counter()
    supervise.render_diff(before, after, label="routes.yaml")
    took.append((time.perf_counter() - start) * 1e3)
signal.alarm(0)
print(statistics.median(took), max(took))
