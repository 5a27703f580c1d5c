"""Teams and their projects, who is in them with which role, and invitations to join."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.projects.roles import EDITING, Asked, Role

__all__ = ["Invitation", "Membership", "Project", "Role", "Team", "TeamMembership"]


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: User) -> TeamQuerySet:
        """Teams in which the user is a member. A token for one project shows none."""
        if user.only_project is not None:
            return self.none()
        return self.filter(models.Exists(TeamMembership.objects.filter(team=models.OuterRef("pk"), user=user)))

    def open_to(self, user: User) -> TeamQuerySet:
        """Teams in which the user may make projects, the one they joined first at the front."""
        own = TeamMembership.objects.filter(user=user, role__in=EDITING)
        return self.visible_to(user).filter(memberships__in=own).order_by("memberships__created_at", "pk")

    def for_list(self) -> TeamQuerySet:
        alive = models.Q(projects__deleted_at__isnull=True)
        return self.annotate(
            member_count=models.Count("memberships", distinct=True),
            project_count=models.Count("projects", filter=alive, distinct=True),
        ).order_by("name", "pk")


class Team(Asked, models.Model):
    """People who share projects: a role in the team is a role in each of its projects."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True, max_length=4000)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="TeamMembership", related_name="teams")

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class TeamMembership(models.Model):
    """One user's role in one team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="team_memberships")
    role = models.CharField(_("role"), max_length=12, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_team_membership_a_user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User) -> ProjectQuerySet:
        """Projects that are not deleted, in which the user is a member, or in whose team they are."""
        rows = self.reachable_by(user).filter(deleted_at__isnull=True)
        return rows if user.only_project is None else rows.filter(pk=user.only_project)

    def reachable_by(self, user: User) -> ProjectQuerySet:
        """As `visible_to`, those in the trash too."""
        own = Membership.objects.filter(project=models.OuterRef("pk"), user=user)
        by_team = TeamMembership.objects.filter(team=models.OuterRef("team_id"), user=user)
        return self.filter(models.Exists(own) | models.Exists(by_team))

    def for_list(self) -> ProjectQuerySet:
        """With the team and the number of people, those of the team among them."""
        people = User.objects.filter(
            models.Exists(
                Membership.objects.filter(user=models.OuterRef("pk"), project=models.OuterRef(models.OuterRef("pk")))
            )
            | models.Exists(
                TeamMembership.objects.filter(
                    user=models.OuterRef("pk"), team=models.OuterRef(models.OuterRef("team_id"))
                )
            )
        )
        count = people.order_by().annotate(count=models.Func(models.F("pk"), function="COUNT")).values("count")
        return (
            self.select_related("team")
            .annotate(member_count=models.Subquery(count, output_field=models.IntegerField()))
            .order_by("-created_at")
        )


class Project(Asked, models.Model):
    """A workspace of a team: its data sets, runs and models."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="projects", verbose_name=_("team"))
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True, max_length=4000)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="projects")

    objects = ProjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One user's role in one project, beside what their team gives them."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=12, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_membership_a_user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Not yet used, revoked or expired."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=clock.now())


class Invitation(models.Model):
    """A link that lets its holder join a project or a team with a role, until it expires. Only its sha256 is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="invitations")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="invitations")
    role = models.CharField(_("role"), max_length=12, choices=Role)
    email = models.EmailField(_("e-mail"), blank=True)
    """Of the one it is for, who is told; whoever has the link may join all the same."""
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="invitation_to_one_place",
                condition=models.Q(project__isnull=False, team__isnull=True)
                | models.Q(project__isnull=True, team__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.place)

    @property
    def place(self) -> Project | Team:
        """What it lets its holder into."""
        place = self.project or self.team
        assert place is not None  # the constraint says so
        return place
