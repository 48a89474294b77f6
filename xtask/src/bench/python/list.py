"""Lists what is pending in every queue under a folder, as JSON."""
import json
import sys
from pathlib import Path

import supervise

queues = sorted(Path(sys.argv[1]).iterdir())
pending = [p.to_dict() for queue in queues for p in supervise.list_pending_proposals(queue)]
json.dump(pending, sys.stdout)
