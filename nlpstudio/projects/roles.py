"""Roles: what a member of a team or a project may do; each includes those before it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """Viewers look, editors also change, maintainers also manage people, owners also delete and hand over."""

    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")
    MAINTAINER = "maintainer", _("Maintainer")
    OWNER = "owner", _("Owner")

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    @property
    def up_to(self) -> list[Role]:
        """The roles that somebody with this one may give: their own and smaller ones."""
        return list(Role)[: self.rank + 1]


EDITING = (Role.EDITOR, Role.MAINTAINER, Role.OWNER)
"""The roles that may change what is in a project, or make one in a team."""


class Asked:
    """Something that has members. `my_role` is the asking user's role in it, set by the door."""

    my_role: Role | None = None

    @property
    def is_editable(self) -> bool:
        """Whether the asking user may change what is in it."""
        return self.my_role is not None and self.my_role.rank >= Role.EDITOR.rank

    @property
    def is_maintained(self) -> bool:
        """Whether the asking user may manage its people and settings."""
        return self.my_role is not None and self.my_role.rank >= Role.MAINTAINER.rank

    @property
    def is_owned(self) -> bool:
        """Whether the asking user may delete it and make owners."""
        return self.my_role == Role.OWNER
