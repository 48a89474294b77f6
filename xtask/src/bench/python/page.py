"""Times the pending list of one queue beside a history. Arguments: folder, pending, archived, times."""
import sqlite3
import statistics
import sys
import time
from pathlib import Path

import supervise

folder, (pending, archived, times) = Path(sys.argv[1]), map(int, sys.argv[2:])


def propose(number):
    host = f'{{"host": "api-{number}.example.com"}}'
    supervise.write_proposal(folder, supervise.Proposal.new(
        bottle_slug="bench", tool="egress-allow", proposed_file=host, justification="a request",
        current_file_hash=supervise.sha256_hex(host)))


for number in range(pending):
    propose(number)
ids = (f"{n * 2654435761 % 2**32:08x}-0000-4000-8000-{n:012x}" for n in range(archived))
with sqlite3.connect(supervise.queue_db_path(folder)) as sql:
    for n, id in enumerate(ids):
        host = f'{{"host": "host-{n}.example.com"}}'
        sql.execute("INSERT INTO supervise_proposals VALUES (?, 'bench', 'egress-allow', ?, 'an old request', ?, ?, 1)",
                    (id, host, f"2023-11-20T00:00:00.{n % 10**6:06}+00:00", f"{n:064x}"))
        sql.execute("INSERT INTO supervise_responses VALUES (?, 'approved', '', ?, 1)", (id, host))
sql.close()

took, give_up = [], time.monotonic() + 30
while len(took) < times and time.monotonic() < give_up:
    start = time.perf_counter()
    assert len(supervise.list_pending_proposals(folder)) == pending
    took.append((time.perf_counter() - start) * 1e3)
# Its reading always opens and closes.
print(*[statistics.median(took), max(took)] * 2)
