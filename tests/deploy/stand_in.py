"""A stand-in for Kubernetes' API server: what Dask's operator and a few plain requests need of one.

It keeps objects, judges them strictly when they are made (`manifests.fault`), hands out discovery, tells
watchers what happens, and knows labels, finalizers, the status subresource, merge and JSON patches.
There is no authorisation, admission, conversion or garbage collection; nothing but what is asked for
is ever made or deleted.
"""

import asyncio
import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4

import jsonpatch
from aiohttp import web

from tests.deploy import kinds
from tests.deploy.kinds import Resource
from tests.deploy.manifests import Document, fault

PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                       "code": code, "reason": reason, "message": message}  # fmt: skip


@dataclass(slots=True)
class Server:
    """What is there, and what happened to it."""

    known: dict[tuple[str, str], Resource] = field(
        default_factory=lambda: {(of.version, of.plural): of for of in kinds.resources()}
    )
    objects: dict[tuple[str, str, str], Document] = field(default_factory=dict)
    """By plural, namespace and name."""
    events: list[tuple[int, str, str, Document]] = field(default_factory=list)
    """Number, type, plural, and the object as it then was."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    happened: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except RefusedError as refused:
            return web.json_response(refused.answer, status=refused.answer["code"])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if (told := kinds.told(path, self.known.values())) is not None:
            return web.json_response(told)
        found = PATH.fullmatch(path)
        version = "/".join(filter(None, (found["group"], found["version"]))) if found else ""
        of = self.known.get((version, found["plural"])) if found else None
        if found is None or of is None:
            raise RefusedError(404, "NotFound", f"no {path} here")
        key = of.plural, found["namespace"] or "", found["name"] or ""
        if request.method == "GET" and not found["name"]:
            if request.query.get("watch") in ("true", "1"):
                return await self._watch(request, of, key[1])
            return web.json_response(self._list(of, key[1], request.query))
        body = await request.json() if request.can_read_body else None
        return web.json_response(await self._one(request, of, key, found["sub"], body))

    async def _one(
        self, request: web.Request, of: Resource, key: tuple[str, str, str], sub: str | None, body: Any
    ) -> Document:  # fmt: skip
        if sub == "portforward":
            raise RefusedError(501, "NotImplemented", f"no kubelet forwards ports of {key[2]}")
        if request.method == "POST":
            return await self._create(of, key[1], body)
        if key not in self.objects and request.content_type == "application/apply-patch+yaml":
            return await self._create(of, key[1], body)
        if key not in self.objects:
            raise RefusedError(404, "NotFound", f"{of.plural} {key[2]!r} not found")
        held = self.objects[key]
        match request.method:
            case "GET":
                return held
            case "PATCH":
                return await self._patch(of, key, sub, request.content_type, body)
            case "DELETE":
                marked = copy.deepcopy(held)
                marked["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
                return await self._keep(key, marked)
        raise RefusedError(405, "MethodNotAllowed", request.method)

    def _list(self, of: Resource, namespace: str, query: Any) -> Document:
        found = [
            held
            for (name, space, _), held in sorted(self.objects.items())
            if name == of.plural and (not namespace or space == namespace) and _means(query, held)
        ]
        last = str(self.events[-1][0] if self.events else 0)
        return {"kind": f"{of.kind}List", "apiVersion": of.version,
                "metadata": {"resourceVersion": last}, "items": found}  # fmt: skip

    async def _create(self, of: Resource, namespace: str, body: Document) -> Document:
        made = {"apiVersion": of.version, "kind": of.kind} | copy.deepcopy(body)
        about = made["metadata"]
        about.setdefault("name", f"{about.get('generateName', '')}{uuid4().hex[:5]}")
        key = of.plural, namespace, about["name"]
        if key in self.objects:
            raise RefusedError(
                409, "AlreadyExists", f"{of.plural} {about['name']!r} already exists"
            )
        # nobody has schemas of these two here, and we make neither
        if of.kind not in ("CustomResourceDefinition", "Event") and (why := fault(made, "1.30")):
            raise RefusedError(422, "Invalid", why)
        about |= {"uid": str(uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
        about |= {"namespace": namespace} if namespace else {}
        return await self._keep(key, made)

    async def _patch(
        self, of: Resource, key: tuple[str, str, str], sub: str | None, kind: str, body: Any
    ) -> Document:
        held = self.objects[key]
        if kind == "application/json-patch+json":
            try:
                made = jsonpatch.apply_patch(held, body)
            except jsonpatch.JsonPatchException as error:
                raise RefusedError(422, "Invalid", str(error)) from error
        else:
            made = merged(held, body)
        if of.has_status:  # each of the two ways changes its part alone
            part, rest = (made, held) if sub == "status" else (held, made)
            made = {k: v for k, v in rest.items() if k != "status"}
            made |= {"status": part["status"]} if "status" in part else {}
        return await self._keep(key, made)

    async def _keep(self, key: tuple[str, str, str], made: Document) -> Document:
        held = self.objects.get(key)
        if made == held:
            return made
        number, about = next(self.numbers), made["metadata"]
        about["resourceVersion"] = str(number)
        gone = "deletionTimestamp" in about and not about.get("finalizers")
        if gone:
            del self.objects[key]
        else:
            self.objects[key] = made
        what = "DELETED" if gone else "ADDED" if held is None else "MODIFIED"
        async with self.happened:
            self.events.append((number, what, key[0], copy.deepcopy(made)))
            self.happened.notify_all()
        return made

    async def _watch(
        self, request: web.Request, of: Resource, namespace: str
    ) -> web.StreamResponse:
        if request.query.get(
            "sendInitialEvents"
        ):  # as of a server before WatchList: kubectl lists first
            raise RefusedError(422, "Invalid", "sendInitialEvents is forbidden for watch")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since = int(request.query.get("resourceVersion") or 0)
        while True:
            told = [event for event in self.events if event[0] > since]
            for _, what, name, held in told:
                where = held["metadata"].get("namespace", "")
                if name == of.plural and namespace in ("", where) and _means(request.query, held):
                    line = json.dumps({"type": what, "object": held})
                    await response.write(line.encode() + b"\n")
            since = max([since, *(event[0] for event in told)])
            async with self.happened:
                await self.happened.wait_for(partial(self._is_after, since))

    def _is_after(self, number: int) -> bool:
        return bool(self.events) and self.events[-1][0] > number


def merged(held: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    made = copy.deepcopy(held) if isinstance(held, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made


def _means(query: Any, held: Document) -> bool:
    """Whether the selectors of a request, of which those with `=` are known, mean this object."""
    about = held["metadata"]
    wanted = dict(term.split("=") for term in query.get("labelSelector", "").split(",") if term)
    chosen = dict(term.split("=") for term in query.get("fieldSelector", "").split(",") if term)
    assert set(chosen) <= {"metadata.name"}
    has_name = chosen.get("metadata.name", about["name"]) == about["name"]
    return has_name and wanted.items() <= about.get("labels", {}).items()


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server that runs in a thread of this process while the context lasts."""
    started: Future[tuple[str, Callable[[], object]]] = Future()

    async def serve() -> None:
        application, stopped = web.Application(), asyncio.Event()
        application.router.add_route("*", "/{path:.*}", Server().answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stop = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
        started.set_result((f"http://127.0.0.1:{runner.addresses[0][1]}", stop))
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    url, stop = started.result()
    try:
        yield url
    finally:
        stop()
        thread.join()
