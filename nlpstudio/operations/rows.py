"""All rows of the database in a form that no engine owns: a line of JSON each, read and written by the models' fields.

The models are those of the schema as it stands, not of the code, so that a database can be saved before it is
migrated and loaded under the schema it had.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.management.color import no_style
from django.db import connection, models
from django.db.migrations.loader import MigrationLoader

LEFT_OUT = frozenset({"contenttypes", "auth", "sessions"})
"""Apps whose rows migrations make, or that only say who is signed in."""
LEFT_OUT_MODELS = frozenset({"core.worker"})
BATCH = 500

Node = tuple[str, str]


def applied() -> list[Node]:
    """The migrations that the database has had, each app's in order of their names."""
    return sorted(MigrationLoader(connection).applied_migrations)


def unknown_to_us(nodes: Iterable[Node]) -> list[Node]:
    """Those among the migrations that this program does not have: a newer one made them."""
    return [node for node in nodes if node not in MigrationLoader(connection).disk_migrations]


def leaves(nodes: Iterable[Node]) -> list[Node]:
    """The last migration of each app among them."""
    graph, given = MigrationLoader(connection).graph, set(nodes)
    kept = [node for node in given if node in graph.nodes]
    return sorted(
        n for n in kept if not any(child.key in given for child in graph.node_map[n].children if child.key[0] == n[0])
    )


def models_at(nodes: Iterable[Node]) -> list[type[models.Model]]:
    """The models, link tables too, as they were after these migrations; those that are kept, in a fixed order."""
    state = MigrationLoader(connection).project_state(leaves(nodes))
    found = state.apps.get_models(include_auto_created=True)
    kept = [m for m in found if m._meta.app_label not in LEFT_OUT and m._meta.label_lower not in LEFT_OUT_MODELS]
    return sorted((m for m in kept if m._meta.managed and not m._meta.proxy), key=lambda m: m._meta.label_lower)


def columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def dump(model: type[models.Model]) -> Iterator[list[Any]]:
    """First the names of the columns, then the values of each row, in order of the primary key."""
    yield list(columns(model))
    for values in model._base_manager.order_by("pk").values_list(*columns(model)).iterator(chunk_size=BATCH):
        yield [_plain(value) for value in values]


def line(values: list[Any], *, sort: bool = False) -> bytes:
    """What `dump` gave as a line; with the keys of JSON columns in order, where the line is only compared."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=sort).encode() + b"\n"


def load(model: type[models.Model], lines: Iterable[bytes]) -> int:
    """Insert the lines of what `dump` gave and return how many rows. Nothing is computed, signalled or defaulted on the way."""
    reader = iter(lines)
    names = json.loads(next(reader))
    fields = [_field(model, name) for name in names]
    count = 0
    while chunk := list(islice(reader, BATCH)):
        rows = []
        for line in chunk:
            values = json.loads(line)
            pairs = zip(fields, values, strict=True)
            rows.append(model(**{field.attname: _of(field, value) for field, value in pairs}))
        insert: Any = model._base_manager.get_queryset()
        insert._insert(rows, fields=fields, raw=True, using=connection.alias)
        count += len(rows)
    return count


def reset_sequences(loaded: Iterable[type[models.Model]]) -> None:
    """New rows get numbers after the highest that was loaded."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(loaded)):
            cursor.execute(statement)


def _field(model: type[models.Model], attname: str) -> models.Field[Any, Any]:
    for field in model._meta.concrete_fields:
        if field.attname == attname:
            return field
    raise ValueError(f"{model._meta.label} has no column {attname}")


def _plain(value: Any) -> Any:
    """A column's value as JSON. Numbers, texts and JSON columns are it already."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    return value


def _of(field: models.Field[Any, Any], value: Any) -> Any:
    target: Any = field.target_field if isinstance(field, models.ForeignKey) else field
    if value is None or isinstance(target, models.JSONField):
        return value
    if isinstance(target, models.DurationField):
        return timedelta(seconds=value)
    if isinstance(target, models.BinaryField):
        return base64.b64decode(value)
    return target.to_python(value)
