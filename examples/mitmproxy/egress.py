"""An egress proxy for one bottle: mitmproxy that lets through what routes.yaml names, and nothing else.

    mitmdump -s egress.py --set routes_file=routes.yaml --listen-host 127.0.0.1 --listen-port 9099

SIGHUP reads the file again; a file that can't be read leaves the routes in force as they are, and says so.
http://_egress.local/allowlist, asked through the proxy, answers what is in force.
"""

import asyncio
import json
import logging
import os
import re
import signal
from dataclasses import dataclass

from mitmproxy import ctx, http
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

OWN_HOST = "_egress.local"
# Upstreams read these in different ways, so a prefix would say nothing about what is fetched.
AMBIGUOUS = re.compile(r"(/\.{1,2}([/;]|$))|//|\\|%2e|%2f|%5c|%00|%25(2e|2f|5c)", re.IGNORECASE)

log = logging.getLogger(__name__)


class BadRoutes(Exception):
    """The file names no routes; the message says where and why."""


@dataclass(frozen=True)
class Route:
    host: str
    prefixes: tuple[str, ...]
    scheme: str | None = None
    token_ref: str | None = None

    def allows(self, path: str) -> bool:
        if not self.prefixes:
            return True
        bare = path.split("?", 1)[0]
        return not AMBIGUOUS.search(bare) and bare.startswith(self.prefixes)

    def listed(self) -> dict:
        listed = {"host": self.host, "auth": self.token_ref is not None}
        if self.prefixes:
            listed["path_allowlist"] = list(self.prefixes)
        return listed


def one_spelling(host: str) -> str:
    return host.lower().removesuffix(".")


def read_route(item: object) -> Route:
    if not isinstance(item, dict) or not isinstance(item.get("host"), str):
        raise BadRoutes("a route must be a mapping with a 'host'")
    host = one_spelling(item["host"])
    prefixes = item.get("path_allowlist", [])
    if "path_allowlist" in item and not prefixes:
        raise BadRoutes(f"{host}: 'path_allowlist' is empty")
    if not isinstance(prefixes, list) or not all(isinstance(one, str) for one in prefixes):
        raise BadRoutes(f"{host}: 'path_allowlist' must be a list of texts")
    auth = item.get("auth") or {}
    if not isinstance(auth, dict) or auth and not {"scheme", "token_ref"} <= auth.keys():
        raise BadRoutes(f"{host}: 'auth' must hold a 'scheme' and a 'token_ref'")
    return Route(host, tuple(prefixes), auth.get("scheme"), auth.get("token_ref"))


def read_routes(path: str) -> dict[str, Route]:
    with open(path, encoding="utf-8") as file:
        whole = YAML(typ="safe", pure=True).load(file)
    if whole is None:
        return {}
    if not isinstance(whole, dict) or "routes" not in whole:
        raise BadRoutes("there is no key 'routes' at the top")
    routes = {}
    for item in whole["routes"] or []:
        route = read_route(item)
        if route.host in routes:
            raise BadRoutes(f"{route.host}: has two routes")
        routes[route.host] = route
    return routes


def refuse(flow: http.HTTPFlow, status: int, why: str) -> None:
    flow.response = http.Response.make(status, f"egress: {why}\n", {"Content-Type": "text/plain; charset=utf-8"})


class Egress:
    def __init__(self) -> None:
        # Until a good file was read, nothing is open.
        self.routes: dict[str, Route] = {}

    def load(self, loader) -> None:
        loader.add_option("routes_file", str, "routes.yaml", "The routes that are let through.")

    def running(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        self.reload()

    def reload(self) -> None:
        path = os.path.expanduser(ctx.options.routes_file)
        try:
            self.routes = read_routes(path)
        except (OSError, UnicodeError, YAMLError, BadRoutes) as error:
            why = " ".join(str(error).split())
            log.error("%s is not taken up, %d routes stay in force: %s", path, len(self.routes), why)
        else:
            log.info("%s: %d routes are in force", path, len(self.routes))

    def http_connect(self, flow: http.HTTPFlow) -> None:
        host = one_spelling(flow.request.host)
        if host not in self.routes:
            refuse(flow, 403, f"no route to {host}")

    def request(self, flow: http.HTTPFlow) -> None:
        host = one_spelling(flow.request.host)
        if host == OWN_HOST:
            self.answer(flow)
            return
        route = self.routes.get(host)
        if route is None:
            refuse(flow, 403, f"no route to {host}")
        elif one_spelling(flow.request.pretty_host) != host:
            refuse(flow, 403, "the Host header names another host")
        elif not route.allows(flow.request.path):
            refuse(flow, 403, f"no route to this path of {host}")
        elif route.token_ref is not None:
            self.add_credential(flow, route)

    def answer(self, flow: http.HTTPFlow) -> None:
        if flow.request.method == "GET" and flow.request.path == "/allowlist":
            text = json.dumps({"routes": [route.listed() for route in self.routes.values()]}, indent=2)
            flow.response = http.Response.make(200, text + "\n", {"Content-Type": "application/json"})
        else:
            refuse(flow, 404, "only /allowlist is here")

    def add_credential(self, flow: http.HTTPFlow, route: Route) -> None:
        token = os.environ.get(route.token_ref)
        if token:
            flow.request.headers["Authorization"] = f"{route.scheme} {token}"
        else:
            refuse(flow, 502, f"{route.token_ref} is not set where the proxy runs")

    # What isn't HTTP can't be judged by host and path.
    def tcp_start(self, flow) -> None:
        flow.kill()

    def udp_start(self, flow) -> None:
        flow.kill()


addons = [Egress()]
