"""Does what each line says with the original's library, and says how it went."""
import json
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import supervise

QUEUE = Path(sys.argv[2])


def propose(op):
    supervise.write_proposal(QUEUE, supervise.Proposal.from_dict(op["proposal"]))


def respond(op):
    final = "by the original\n" if op["status"] == "modified" else None
    supervise.write_response(QUEUE, supervise.Response(op["id"], op["status"], "by the original", final))


def archive(op):
    supervise.archive_proposal(QUEUE, op["id"])


def audit(op):
    supervise.write_audit_entry(supervise.AuditEntry("t", "dev", "egress", op["action"], "", "", ""))


def pending(op):
    return [proposal.id for proposal in supervise.list_pending_proposals(QUEUE)]


def answered(op):
    try:
        return supervise.read_response(QUEUE, op["id"]).status
    except FileNotFoundError:
        return None


def entries(op):
    return [entry.operator_action for entry in supervise.read_audit_entries("egress", "dev")]


DO = {f.__name__: f for f in (propose, respond, archive, audit, pending, answered, entries)}

for line in sys.stdin:
    op = json.loads(line)
    try:
        result = {"ok": True, "value": DO[op["do"]](op)}
    except sqlite3.IntegrityError as error:
        result = {"ok": False, "value": str(error)}
    print(json.dumps(result), flush=True)
