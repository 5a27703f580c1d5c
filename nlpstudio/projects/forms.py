"""The forms of projects and their members."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Project, Role, Team


class TeamForm(forms.Form):
    """Name and description of a team."""

    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=4000,
        help_text=_("Who you are. Everybody in the team sees this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ProjectForm(forms.Form):
    """Name, description, and the team for those who have a choice."""

    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = forms.CharField(
        label=_("Description"),
        required=False,
        max_length=4000,
        help_text=_("What the project is for. Everybody in it sees this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    team = forms.ModelChoiceField(
        label=_("Team"),
        queryset=Team.objects.none(),
        empty_label=None,
        required=False,
        help_text=_("Everybody in the team sees the project."),
    )

    def __init__(self, *args: Any, user: User, project: Project | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.filter(pk__in=Team.objects.open_to(user).values("pk"))
        if project is not None:
            teams = (teams | Team.objects.filter(pk=project.team_id)).distinct()
        self.fields["team"].queryset = teams.order_by("name")  # type: ignore[attr-defined]  # a ModelChoiceField
        if (project is not None and not project.is_owned) or teams.count() < 2:
            del self.fields["team"]


class DeleteForm(forms.Form):
    """Deletes only for somebody who types the project's name."""

    typed_name = forms.CharField(
        label=_("Type the project's name"), widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        if typed != self.project.name.strip():
            raise forms.ValidationError(
                _("This is not the project's name, which is “%(name)s”."), params={"name": self.project.name}
            )
        return typed


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class InviteForm(forms.Form):
    """With which of the roles that one may give, to whom, and for how long."""

    role = forms.ChoiceField(label=_("Role"), initial=Role.EDITOR)
    email = forms.EmailField(label=_("E-mail"), required=False, widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    days = forms.TypedChoiceField(
        label=_("Link works for"),
        coerce=int,
        choices=[(1, _("1 day")), (7, _("7 days")), (30, _("30 days"))],
        initial=7,
    )

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].help_text = (
            _("Who has an account finds the invitation there; others get an e-mail.")
            if settings.MAIL_IS_ON
            else _("Who has an account finds the invitation there. To others you send the link yourself.")
        )
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]  # as declared
