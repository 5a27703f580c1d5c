"""Projects keep an owner, invitations work once, and every deed is written down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.accounts.people import close, open_again
from nlpstudio.projects import people, services
from nlpstudio.projects.access import role_in
from nlpstudio.projects.models import Invitation, Membership, Project, Role


def actions(project: Project) -> list[str]:
    return list(AuditEntry.objects.filter(project_id=project.pk).order_by("pk").values_list("action", flat=True))


def membership(project: Project, user: User) -> Membership:
    return project.memberships.get(user=user)


def test_the_maker_of_a_project_owns_it(stranger: User):
    project = services.create(name="New", by=stranger)
    assert role_in(stranger, project.pk) == Role.OWNER
    assert actions(project) == ["project.created"]


def test_a_change_leaves_what_is_not_named(project: Project, owner: User):
    services.change(project=project, by=owner, description="All about hotels")
    project.refresh_from_db()
    assert (project.name, project.description) == ("Reviews", "All about hotels")


def test_a_deleted_project_is_out_of_sight_and_deleted_once(project: Project, owner: User):
    services.delete(project=project, by=owner)
    services.delete(project=project, by=owner)
    assert not Project.objects.visible_to(owner).exists()
    assert actions(project) == ["project.deleted"]


def test_the_last_owner_neither_steps_down_nor_leaves(project: Project, owner: User):
    with pytest.raises(people.LastOwner):
        people.set_role(membership=membership(project, owner), role=Role.EDITOR, by=owner)
    with pytest.raises(people.LastOwner):
        people.remove_member(membership=membership(project, owner), by=owner)
    assert role_in(owner, project.pk) == Role.OWNER
    assert actions(project) == []


def test_one_of_two_owners_may_leave(project: Project, owner: User, editor: User):
    people.set_role(membership=membership(project, editor), role=Role.OWNER, by=owner)
    people.remove_member(membership=membership(project, owner), by=owner)
    assert role_in(owner, project.pk) is None
    assert actions(project) == ["member.role_set", "member.left"]


def test_a_member_is_judged_as_they_are_and_not_as_a_page_showed_them(
    project: Project, owner: User, editor: User, viewer: User
):
    seen = membership(project, editor)
    people.set_role(membership=membership(project, editor), role=Role.OWNER, by=owner)
    people.set_role(membership=membership(project, viewer), role=Role.MAINTAINER, by=owner)
    with pytest.raises(PermissionDenied):
        people.remove_member(membership=seen, by=viewer)
    people.remove_member(membership=membership(project, editor), by=owner)
    with pytest.raises(people.NoMember):
        people.set_role(membership=seen, role=Role.VIEWER, by=owner)
    assert role_in(editor, project.pk) is None


def test_an_invitation_is_worth_what_its_maker_may_still_give(project: Project, owner: User, editor: User, admin: User):
    people.set_role(membership=membership(project, editor), role=Role.OWNER, by=owner)
    _made, secret = people.invite(to=project, role=Role.OWNER, days=7, by=editor)
    assert people.invitation_of(secret)
    people.set_role(membership=membership(project, editor), role=Role.MAINTAINER, by=owner)
    assert people.invitation_of(secret) is None  # lowered: no longer somebody who makes owners
    people.set_role(membership=membership(project, editor), role=Role.OWNER, by=owner)
    close(person=editor, by=admin)
    assert people.invitation_of(secret) is None
    open_again(person=editor, by=admin)
    assert people.invitation_of(secret)
    people.remove_member(membership=membership(project, editor), by=owner)
    assert people.invitation_of(secret) is None  # nor does it lead the maker back in


def test_an_invitation_lets_one_person_in(project: Project, owner: User, stranger: User, admin: User):
    made, secret = people.invite(to=project, role=Role.EDITOR, days=7, by=owner)
    assert people.invitation_of(secret) == made
    people.accept(invitation=made, user=stranger)
    assert role_in(stranger, project.pk) == Role.EDITOR
    assert people.invitation_of(secret) is None
    with pytest.raises(people.InvitationGone):
        people.accept(invitation=made, user=admin)
    assert role_in(admin, project.pk) is None


def test_a_member_who_opens_a_link_keeps_the_role_and_the_link_its_use(project: Project, owner: User, viewer: User):
    made, secret = people.invite(to=project, role=Role.OWNER, days=7, by=owner)
    people.accept(invitation=made, user=viewer)
    assert role_in(viewer, project.pk) == Role.VIEWER
    assert people.invitation_of(secret) == made


def test_a_revoked_an_old_and_an_unknown_link_open_nothing(project: Project, owner: User):
    revoked, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    people.revoke_invitation(invitation=revoked, by=owner)
    old, old_secret = people.invite(to=project, role=Role.VIEWER, days=1, by=owner)
    Invitation.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert [people.invitation_of(s) for s in (secret, old_secret, "made up")] == [None, None, None]


def test_a_link_to_a_deleted_project_opens_nothing(project: Project, owner: User):
    _made, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    services.delete(project=project, by=owner)
    assert people.invitation_of(secret) is None


def test_no_account_is_left_when_the_invitation_was_taken(project: Project, owner: User, stranger: User):
    made, _secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    people.accept(invitation=made, user=stranger)
    with pytest.raises(people.InvitationGone):
        people.join_with_new_account(invitation=made, email="n@example.org", name="N", password="long enough pass")
    assert not User.objects.filter(email="n@example.org").exists()


def test_two_who_change_different_things_at_once_both_succeed(project: Project, owner: User):
    first, second = Project.objects.get(pk=project.pk), Project.objects.get(pk=project.pk)
    services.change(project=first, by=owner, name="Ratings")
    services.change(project=second, by=owner, description="Of books")
    project.refresh_from_db()
    assert (project.name, project.description) == ("Ratings", "Of books")


def test_roles_are_told_in_the_readers_language(client: Client, project: Project, owner: User, editor: User):
    people.set_role(membership=membership(project, editor), role=Role.MAINTAINER, by=owner)
    client.force_login(owner)
    page = client.get(reverse("projects:activity", args=[project.pk]), headers={"Accept-Language": "zh-hans"})
    words = page.content.decode()
    assert str(Role.MAINTAINER) not in words.partition("<tbody>")[2]
    assert "维护者" in words.partition("<tbody>")[2]
