"""Teams: roles that reach into projects, owners that stay, joining and leaving, and where projects go."""

from __future__ import annotations

import json
import re

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.projects import people, services, teams
from nlpstudio.projects.access import role_in, role_in_team
from nlpstudio.projects.models import Membership, Project, Role, Team, TeamMembership


def join(team: Team, user: User, role: Role) -> TeamMembership:
    return TeamMembership.objects.create(team=team, user=user, role=role)


def test_the_higher_of_the_roles_in_team_and_project_counts(project: Project, viewer: User, editor: User, admin: User):
    join(project.team, viewer, Role.MAINTAINER)
    join(project.team, editor, Role.VIEWER)
    join(project.team, admin, Role.EDITOR)
    roles = {user: role_in(user, project.pk) for user in (viewer, editor, admin)}
    assert roles == {viewer: Role.MAINTAINER, editor: Role.EDITOR, admin: Role.EDITOR}
    assert project in Project.objects.visible_to(admin)


def test_a_project_goes_to_the_first_team_one_may_use_or_to_a_new_one(stranger: User, team: Team):
    made = services.create(name="One", by=stranger)
    assert role_in_team(stranger, made.team_id) == Role.OWNER and "Stan" in made.team.name
    join(team, stranger, Role.EDITOR)
    assert services.create(name="Two", by=stranger).team == made.team
    assert services.create(name="Three", by=stranger, team=team).team == team


def test_nobody_makes_or_moves_projects_into_a_team_they_only_look_at(team: Team, stranger: User):
    join(team, stranger, Role.VIEWER)
    own = services.create(name="Own", by=stranger)
    own.my_role = Role.OWNER
    with pytest.raises(PermissionDenied):
        services.create(name="Theirs", by=stranger, team=team)
    with pytest.raises(PermissionDenied):
        services.change(project=own, by=stranger, team=team)


def test_the_last_owner_of_a_team_stays(team: Team, owner: User):
    only = join(team, owner, Role.OWNER)
    with pytest.raises(people.LastOwner):
        people.set_role(membership=only, role=Role.EDITOR, by=owner)
    with pytest.raises(people.LastOwner):
        people.remove_member(membership=only, by=owner)


def test_a_maintainer_manages_people_but_nobody_above(team: Team, owner: User, editor: User, viewer: User):
    boss = join(team, owner, Role.OWNER)
    join(team, editor, Role.MAINTAINER)
    small = join(team, viewer, Role.VIEWER)
    people.set_role(membership=small, role=Role.MAINTAINER, by=editor)
    for deed in (
        lambda: people.set_role(membership=small, role=Role.OWNER, by=editor),
        lambda: people.set_role(membership=boss, role=Role.VIEWER, by=editor),
        lambda: people.remove_member(membership=boss, by=editor),
        lambda: people.invite(to=team, role=Role.OWNER, days=1, by=editor),
        lambda: people.invite(to=team, role=Role.VIEWER, days=1, by=owner_of_nothing()),
    ):
        with pytest.raises(PermissionDenied):
            deed()


def owner_of_nothing() -> User:
    return User.objects.create_user("nora@example.org", "correct horse battery", name="Nora")


def test_who_is_removed_from_a_team_is_out_of_its_projects_and_leaves_no_project_without_owner(
    team: Team, owner: User, editor: User
):
    join(team, owner, Role.OWNER)
    out = join(team, editor, Role.EDITOR)
    made = services.create(name="Edward's", by=editor, team=team)
    people.remove_member(membership=out, by=owner)
    assert role_in(editor, made.pk) is None
    assert Membership.objects.get(project=made).user == owner


def test_a_team_is_joined_by_a_link_and_left_again(client: Client, team: Team, owner: User, stranger: User):
    join(team, owner, Role.OWNER)
    client.force_login(owner)
    made = client.post(reverse("projects:team_invite", args=[team.pk]), {"role": "editor", "days": "7"})
    link = re.search(r"http://testserver(/invitations/[\w-]+/)", made.content.decode())
    assert link
    client.force_login(stranger)
    assert "invites you to this team" in client.get(link[1]).content.decode()
    page = reverse("projects:team", args=[team.pk])
    assert client.post(link[1])["Location"] == page
    assert client.get(page).status_code == 200
    assert client.post(reverse("projects:team_leave", args=[team.pk]))["Location"] == reverse("projects:teams")
    assert client.get(page).status_code == 404


def test_only_an_empty_team_is_deleted(client: Client, project: Project, owner: User):
    join(project.team, owner, Role.OWNER)
    client.force_login(owner)
    path = reverse("projects:team_delete", args=[project.team_id])
    assert "has projects" in client.post(path, follow=True).content.decode()
    empty = teams.create(name="Empty", by=owner)
    client.post(reverse("projects:team_delete", args=[empty.pk]))
    assert not Team.objects.filter(pk=empty.pk).exists()


def test_the_pages_of_a_team_ask_a_fixed_number_of_times(
    client: Client, team: Team, owner: User, django_assert_max_num_queries
):
    join(team, owner, Role.OWNER)
    for number in range(12):
        services.create(name=f"Project {number}", by=owner, team=team)
        join(team, User.objects.create_user(f"p{number}@example.org", name=f"P{number}"), Role.VIEWER)
    client.force_login(owner)
    with django_assert_max_num_queries(12):
        client.get(reverse("projects:team", args=[team.pk]))
    with django_assert_max_num_queries(8):
        client.get(reverse("projects:teams"))


def test_a_project_is_made_in_a_team_and_moved_over_the_api(client: Client, team: Team, owner: User, stranger: User):
    join(team, owner, Role.OWNER)
    headers = {"Authorization": f"Bearer {create_token(owner, 'api')[1]}"}

    def send(verb: str, path: str, body: dict[str, str]):
        return client.generic(verb, f"/api/v1/{path}", json.dumps(body), "application/json", headers=headers)

    foreign = services.create(name="Stan's", by=stranger).team
    assert send("POST", "projects", {"name": "No", "team": str(foreign.pk)}).status_code == 404
    made = send("POST", "projects", {"name": "Yes", "team": str(team.pk)}).json()
    other = teams.create(name="Other", by=owner)
    moved = send("PATCH", f"projects/{made['id']}", {"team": str(other.pk)}).json()
    assert (made["team"], moved["team"]) == (str(team.pk), str(other.pk))
    listed = client.get("/api/v1/teams", headers=headers).json()
    assert [(each["name"], each["role"]) for each in listed] == [("Other", "owner"), ("Readers", "owner")]


@pytest.mark.django_db(transaction=True)
def test_the_migration_gives_each_owner_one_team_and_nobody_more_than_before():
    executor = MigrationExecutor(connection)
    executor.migrate([("projects", "0002_teams")])
    try:
        old = executor.loader.project_state([("projects", "0002_teams")]).apps
        user, project, membership = (
            old.get_model(app, name)
            for app, name in (("accounts", "User"), ("projects", "Project"), ("projects", "Membership"))
        )
        owner, editor, viewer = (user.objects.create(email=f"{name}@example.org", name=name) for name in "oev")
        for number, own in enumerate((owner, owner, editor)):
            made = project.objects.create(name=f"P{number}")
            membership.objects.create(project=made, user=own, role="owner")
            membership.objects.create(project=made, user=viewer, role="viewer")
    finally:
        executor.loader.build_graph()
        executor.migrate(executor.loader.graph.leaf_nodes())
    found = [each.team_id for each in Project.objects.order_by("name")]
    assert found[0] == found[1] != found[2]
    assert set(TeamMembership.objects.values_list("user__name", "role")) == {("o", "owner"), ("e", "owner")}
