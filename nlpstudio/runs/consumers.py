"""Open pages and programs follow a run: a snapshot first, then whatever is new, in order."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, cast
from urllib.parse import parse_qs
from uuid import UUID

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import translation

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import user_of_token
from nlpstudio.core.live import group_of
from nlpstudio.projects.models import Role
from nlpstudio.runs import showing
from nlpstudio.runs.access import run_for, with_relations
from nlpstudio.runs.models import Run
from nlpstudio.runs.sharing import KEPT, Shared, Tail, lines_after, shared

CLOSE_OUR_FAULT = 1011
CLOSE_SIGN_IN = 4401
CLOSE_NOT_FOUND = 4404
POLL_S = 3.0
SIGN_IN_CHECK_S = 2.0


class FollowerOfOneRun(AsyncWebsocketConsumer):
    """Looks at one run whenever it is told to look again, and every few seconds in case the call was lost.

    Subclasses send what is new in `tell`. Who asks, and whether they may, is asked again every few seconds, and at
    once when something about the user has changed; what is told is read once for all who watch the run.
    """

    least_s_between = 0.2

    async def connect(self) -> None:
        self.run_id: UUID = self.scope["url_route"]["kwargs"]["run_id"]
        self.query = {
            key: values[-1] for key, values in parse_qs(self.scope["query_string"].decode(errors="replace")).items()
        }
        self._user: User | None = None
        self._run: Run | None = None
        self._checked_at = float("-inf")
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._groups: list[str] = []
        self.begin()
        await self.accept()
        run = await self._admitted()
        if run is None:
            return
        self._groups = [group_of("run", self.run_id), *([group_of("user", self._user.pk)] if self._user else [])]
        for group in self._groups:
            await self.channel_layer.group_add(group, self.channel_name)
        self._wake.set()
        self._task = asyncio.create_task(self._follow())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            for group in self._groups:
                await self.channel_layer.group_discard(group, self.channel_name)

    async def look_again(self, message: dict[str, str]) -> None:
        """The channel layer's call. One about the user means that they may have been shut out."""
        if message.get("kind") == "user":
            self._checked_at = float("-inf")
        self._wake.set()

    def begin(self) -> None:
        """Set up what `tell` needs; `query` is there."""
        raise NotImplementedError

    async def tell(self, run: Run, user: User) -> None:
        """Send what is new."""
        raise NotImplementedError

    async def _follow(self) -> None:
        try:
            await self._follow_until_shut_out()
        except Exception:
            await self.close(code=CLOSE_OUR_FAULT)
            raise

    async def _follow_until_shut_out(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_S)
            self._wake.clear()
            run = await self._admitted()
            if run is None or self._user is None:
                return
            await self.tell(run, self._user)
            await asyncio.sleep(self.least_s_between)

    async def _admitted(self) -> Run | None:
        """The run while the asker may see it. Otherwise the socket is closed and this is None."""
        now = time.monotonic()
        if self._run is not None and now - self._checked_at <= SIGN_IN_CHECK_S:
            return self._run
        self._run, self._user = None, await self._who()
        if self._user is None:
            await self.close(code=CLOSE_SIGN_IN)
            return None
        self._run = await database_sync_to_async(self._load)(self._user)
        self._checked_at = now
        if self._run is None:
            await self.close(code=CLOSE_NOT_FOUND)
        return self._run

    def _load(self, user: User) -> Run | None:
        try:
            return run_for(user, self.run_id)
        except (Http404, PermissionDenied):
            return None

    async def _who(self) -> User | None:
        """The user by token or by session, read afresh: they may have signed out or been shut out."""
        header = dict(self.scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if header:
            scheme, _space, token = header.partition(" ")
            is_bearer = scheme.lower() == "bearer"
            try:
                return await database_sync_to_async(user_of_token)(token.strip()) if is_bearer else None
            except PermissionDenied:  # a token that may only ask models
                return None
        key = self.scope["session"].session_key
        if not key:
            return None
        store = import_module(settings.SESSION_ENGINE).SessionStore(key)
        user = await get_user(cast(Any, {"session": store}))
        return user if isinstance(user, User) and user.is_active else None


class RunConsumer(FollowerOfOneRun):
    """Sends the live parts of the run page that have changed, as out-of-band fragments."""

    least_s_between = 0.5

    def begin(self) -> None:
        self._sent: dict[str, str] = {}
        self._parts: Shared[dict[str, str]] | None = None

    async def tell(self, run: Run, user: User) -> None:
        wished, known = self.query.get("lang", ""), dict(settings.LANGUAGES)
        language = wished if wished in known else user.language or settings.LANGUAGE_CODE
        page, role = self.query.get("page", "detail"), run.project.my_role
        key = ("parts", self.run_id, page if page in showing.LIVE_PARTS else "detail", language, role)
        self._parts = shared(key, partial(_parts, *key[1:]))
        parts = await self._parts.get()
        new = {name: html for name, html in parts.items() if self._sent.get(name) != html}
        if new:
            await self.send(text_data="".join(new.values()))
            self._sent.update(new)


def _parts(run_id: UUID, page: str, language: str, role: Role | None) -> dict[str, str]:
    """The page's live parts, as everybody of that role and language sees them; nothing once it is gone.

    They are read for nobody in particular: who gets them was let in on their own account, and may be shut out or get
    another role while the others go on looking.
    """
    run = with_relations(Run.objects.filter(pk=run_id, deleted_at__isnull=True)).first()
    if run is None:
        return {}
    run.project.my_role = role
    with translation.override(language):
        return showing.live_parts(run, page)


class EventConsumer(FollowerOfOneRun):
    """Sends every stored event after `?after=SEQ`, then new ones, each once and in order."""

    def begin(self) -> None:
        after = self.query.get("after", "0")
        self._after = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
        self._tail: Shared[Tail] | None = None

    async def tell(self, run: Run, user: User) -> None:
        if self._tail is None:
            newest = max(run.last_seq - KEPT // 2, 0)
            self._tail = shared(("tail", self.run_id), Tail(self.run_id, newest).read)
        lines = (await self._tail.get()).after(self._after)
        while lines is None:  # far behind: read on one's own until the shared tail is reached
            await self._send_all(await database_sync_to_async(lines_after)(self.run_id, self._after))
            lines = (await self._tail.get()).after(self._after)
        await self._send_all(lines)

    async def _send_all(self, lines: list[tuple[int, str]]) -> None:
        for seq, line in lines:
            await self.send(text_data=line)
            self._after = seq
