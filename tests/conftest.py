"""The cast: an owner, an editor, a viewer and a stranger, and the project that all but the last are in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db.backends.base.operations import BaseDatabaseOperations
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from nlpstudio.accounts import guard
from nlpstudio.accounts.models import User
from nlpstudio.config.settings import base
from nlpstudio.projects.models import Membership, Project, Role, Team

if TYPE_CHECKING:
    from tests.flows.program import Program
    from tests.identity import Identity
    from tests.studio import Studio

settings.register_profile(
    "suite", derandomize=True
)  # the same cases each time; --hypothesis-profile=default hunts for others
settings.load_profile("suite")


def _user(name: str) -> User:
    return User.objects.create_user(f"{name}@example.org", "correct horse battery", name=name.title())


@pytest.fixture(autouse=True, scope="session")
def flushing_may_empty_the_audit_log() -> Iterator[None]:
    """Tests that commit are swept up by Django's flush, which the triggers of the audit log would refuse."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def lifting(self: Any, statements: list[str]) -> None:
        with guard.lifted(self.connection):
            flush(self, statements)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", lifting)
        yield


@pytest.fixture
def owner(db: None) -> User:
    return _user("olivia")


@pytest.fixture
def editor(db: None) -> User:
    return _user("edward")


@pytest.fixture
def viewer(db: None) -> User:
    return _user("vera")


@pytest.fixture
def stranger(db: None) -> User:
    """Signed in, but not a member of `project`; has a project of their own."""
    user = _user("stan")
    own = Project.objects.create(name="Stan's own", created_by=user, team=Team.objects.create(name="Stan's team"))
    Membership.objects.create(project=own, user=user, role=Role.OWNER)
    return user


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user("ada@example.org", "correct horse battery", name="Ada", is_admin=True)


@pytest.fixture
def team(db: None) -> Team:
    """The team of `project`. Nobody is in it until a test says so."""
    return Team.objects.create(name="Readers")


@pytest.fixture
def project(team: Team, owner: User, editor: User, viewer: User) -> Project:
    project = Project.objects.create(name="Reviews", created_by=owner, team=team)
    for user, role in ((owner, Role.OWNER), (editor, Role.EDITOR), (viewer, Role.VIEWER)):
        Membership.objects.create(project=project, user=user, role=role)
    return project


@pytest.fixture
def no_broker(settings: Any, tmp_path: Path) -> None:
    """The installation's own cache, on a broker that nobody has started."""
    settings.CACHES = {"default": {**base.CACHES["default"], "LOCATION": f"unix://{tmp_path}/nobody"}}


@pytest.fixture(scope="session")
def identity() -> Iterator[Identity]:
    """The provider of single sign-on that the real studio knows. Who sits before it, a test says."""
    from tests.identity import provider

    with provider() as started:
        yield started


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Iterator[Studio]:
    """The one real studio of the session; its tests share it one after another, in one worker of pytest-xdist."""
    from tests.identity import environment
    from tests.studio import running  # here, because it loads torch, which most tests do without

    with running(tmp_path_factory.mktemp("studio"), **environment(identity, NEW_PEOPLE="anyone")) as started:
        yield started


@pytest.fixture(scope="session")
def program(studio: Studio) -> Iterator[Program]:
    """A program of the admin's, in a project of its own in the studio."""
    from tests.flows.program import Program  # as above

    with studio.api() as api:
        project = api.post("projects", json={"name": "Flows", "description": ""}).raise_for_status().json()["id"]
        yield Program(studio=studio, api=api, project=project)


class ByFile(LoadScopeScheduling):
    """A file stays in one worker, and all tests of the one real studio stay in one too."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "studio" if file.startswith(("tests/flows/", "tests/browser/")) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)
