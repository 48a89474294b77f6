"""For the test: whatever host is let through is found on one local port."""

import os

from mitmproxy import http


def request(flow: http.HTTPFlow) -> None:
    if flow.response is None:
        named = flow.request.host_header
        flow.request.host, flow.request.port = "127.0.0.1", int(os.environ["ONE_PORT"])
        flow.request.host_header = named
