"""Pages of projects: who may open and send what, and what they answer."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.forms import JoinForm
from nlpstudio.accounts.models import User
from nlpstudio.projects import people, services
from nlpstudio.projects.access import role_in
from nlpstudio.projects.models import Invitation, Project, Role

# page or deed, verb, then the status for owner, editor, viewer, stranger, nobody
MATRIX = [
    ("detail", "get", 200, 200, 200, 404, 302),
    ("members", "get", 200, 200, 200, 404, 302),
    ("activity", "get", 200, 200, 200, 404, 302),
    ("settings", "get", 200, 403, 403, 404, 302),
    ("settings", "post", 302, 403, 403, 404, 302),
    ("delete", "get", 200, 403, 403, 404, 302),
    ("delete", "post", 422, 403, 403, 404, 302),
    ("invite", "post", 200, 403, 403, 404, 302),
    ("set_role", "post", 302, 403, 403, 404, 302),
    ("remove", "post", 302, 403, 403, 404, 302),
    ("revoke_invitation", "post", 302, 403, 403, 404, 302),
    ("leave", "post", 302, 302, 302, 404, 302),
]
WHO = ("owner", "editor", "viewer", "stranger", None)
DATA = {"name": "Renamed", "description": "", "role": "viewer", "days": "7", "typed_name": "wrong"}


def arguments(view: str, project: Project, viewer: User, owner: User) -> list[object]:
    if view in ("set_role", "remove"):
        return [project.pk, project.memberships.get(user=viewer).pk]
    if view == "revoke_invitation":
        return [project.pk, people.invite(to=project, role=Role.VIEWER, days=1, by=owner)[0].pk]
    return [project.pk]


@pytest.mark.parametrize(
    ("view", "verb", "who", "status"),
    [(view, verb, who, status) for view, verb, *answers in MATRIX for who, status in zip(WHO, answers, strict=True)],
)
def test_who_may_do_what(request, client: Client, project: Project, viewer: User, owner: User, view, verb, who, status):
    if who:
        client.force_login(request.getfixturevalue(who))
    path = reverse(f"projects:{view}", args=arguments(view, project, viewer, owner))
    answer = client.get(path) if verb == "get" else client.post(path, DATA)
    assert answer.status_code == status
    if who is None:
        assert answer["Location"].startswith("/accounts/login/")


def test_home_shows_my_projects_and_no_others(client: Client, project: Project, viewer: User, stranger: User):
    client.force_login(viewer)
    page = client.get("/").content.decode()
    assert "Reviews" in page and "Stan" not in page


def test_home_counts_all_members_of_a_project(client: Client, project: Project, viewer: User):
    client.force_login(viewer)
    assert "3 members" in client.get("/").content.decode()


def test_home_teaches_those_who_have_no_project(client: Client, admin: User):
    client.force_login(admin)
    assert "Start here" in client.get("/").content.decode()


def test_home_asks_the_database_a_fixed_number_of_times(client: Client, owner: User, django_assert_max_num_queries):
    for number in range(12):
        services.create(name=f"Project {number}", by=owner)
    client.force_login(owner)
    with django_assert_max_num_queries(10):
        client.get("/")


def test_the_navigation_counts_in_one_query(
    client: Client, project: Project, owner: User, django_assert_max_num_queries
):
    client.force_login(owner)
    with django_assert_max_num_queries(12):
        page = client.get(reverse("projects:members", args=[project.pk])).content.decode()
    current = re.findall(r'<a href="([^"]+)"[^>]*aria-current="page"', page)
    assert current == [reverse("projects:members", args=[project.pk])]


def test_a_project_is_made_by_htmx_or_by_a_plain_form(client: Client, stranger: User):
    client.force_login(stranger)
    plain = client.post("/projects/new/", {"name": "One"})
    assert plain.status_code == 302
    swapped = client.post("/projects/new/", {"name": "Two"}, headers={"HX-Request": "true"})
    assert swapped["HX-Redirect"] == reverse("projects:detail", args=[Project.objects.get(name="Two").pk])


def test_a_project_is_deleted_by_typing_its_name(client: Client, project: Project, owner: User):
    client.force_login(owner)
    wrong = client.post(reverse("projects:delete", args=[project.pk]), {"typed_name": "reviews"})
    assert wrong.status_code == 422 and "Reviews" in wrong.content.decode()
    assert client.post(reverse("projects:delete", args=[project.pk]), {"typed_name": "Reviews"})["Location"] == "/"
    assert client.get(reverse("projects:detail", args=[project.pk])).status_code == 404


def test_the_last_owner_is_told_why_the_role_stays(client: Client, project: Project, owner: User):
    client.force_login(owner)
    own = project.memberships.get(user=owner)
    path = reverse("projects:set_role", args=[project.pk, own.pk])
    page = client.post(path, {"role": "viewer"}, follow=True).content.decode()
    assert "Make another member owner first." in page
    assert role_in(owner, project.pk) == Role.OWNER


def test_a_member_of_another_project_cannot_be_changed_from_here(client: Client, project, owner: User, stranger: User):
    client.force_login(owner)
    theirs = stranger.memberships.get()
    assert client.post(reverse("projects:remove", args=[project.pk, theirs.pk])).status_code == 404


def test_an_invitation_is_shown_once_and_joined_by_a_button(client: Client, project, owner: User, stranger: User):
    client.force_login(owner)
    made = client.post(reverse("projects:invite", args=[project.pk]), {"role": "editor", "days": "7"}).content.decode()
    link = re.search(r"http://testserver(/invitations/[\w-]+/)", made)
    assert link and link[1] not in client.get(reverse("projects:members", args=[project.pk])).content.decode()
    client.force_login(stranger)
    assert "Join the project" in client.get(link[1]).content.decode()
    assert role_in(stranger, project.pk) is None
    assert client.post(link[1])["Location"] == reverse("projects:detail", args=[project.pk])
    assert role_in(stranger, project.pk) == Role.EDITOR
    assert client.get(link[1]).status_code == 410


def test_somebody_new_makes_an_account_by_the_link(client: Client, project: Project, owner: User):
    _made, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    path = f"/invitations/{secret}/"
    short = client.post(path, {"name": "Nora", "email": "nora@example.org", "password": "short"})
    assert short.status_code == 422 and "too short" in short.content.decode()
    answer = client.post(path, {"name": "Nora", "email": "Nora@example.org", "password": "a long enough phrase"})
    assert answer["Location"] == reverse("projects:detail", args=[project.pk])
    nora = User.objects.get(email="nora@example.org")
    assert role_in(nora, project.pk) == Role.VIEWER
    assert client.get(answer["Location"]).status_code == 200
    assert Invitation.objects.get().accepted_by == nora


def test_a_known_address_is_asked_to_sign_in(client: Client, project: Project, owner: User, stranger: User):
    _made, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    form = {"name": "Stan", "email": stranger.email.upper(), "password": "a long enough phrase"}
    answer = client.post(f"/invitations/{secret}/", form)
    assert answer.status_code == 422 and "Sign in first" in answer.content.decode()
    assert role_in(stranger, project.pk) is None


def test_a_second_click_on_the_way_in_says_that_the_account_is_there(
    client: Client, project: Project, owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch
):
    """Both clicks found the e-mail free; the other was faster."""
    _made, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    monkeypatch.setattr(JoinForm, "clean_email", lambda form: form.cleaned_data["email"])
    form = {"name": "Stan", "email": stranger.email, "password": "a long enough phrase"}
    answer = client.post(f"/invitations/{secret}/", form)
    assert answer.status_code == 422 and "There is an account with this e-mail" in answer.content.decode()
    assert Invitation.objects.open().exists()
