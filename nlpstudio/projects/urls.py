"""Addresses of the projects app. `home` stands alone; the rest is in the namespace `projects`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from nlpstudio.projects import audit_views, member_views, team_views, views

own = [
    path("projects/", views.home, name="list"),
    path("projects/new/", views.create, name="create"),
    path("projects/<uuid:project_id>/", views.detail, name="detail"),
    path("projects/<uuid:project_id>/settings/", views.settings, name="settings"),
    path("projects/<uuid:project_id>/delete/", views.delete, name="delete"),
    path("projects/<uuid:project_id>/members/", member_views.members, name="members"),
    path("projects/<uuid:project_id>/members/invite/", member_views.invite, name="invite"),
    path("projects/<uuid:project_id>/members/leave/", member_views.leave, name="leave"),
    path("projects/<uuid:project_id>/members/<int:membership_id>/role/", member_views.set_role, name="set_role"),
    path("projects/<uuid:project_id>/members/<int:membership_id>/remove/", member_views.remove, name="remove"),
    path(
        "projects/<uuid:project_id>/invitations/<uuid:invitation_id>/revoke/",
        member_views.revoke_invitation,
        name="revoke_invitation",
    ),
    path("projects/<uuid:project_id>/activity/", audit_views.activity, name="activity"),
    path("projects/<uuid:project_id>/activity/download/", audit_views.activity_csv, name="activity_csv"),
    path("teams/", team_views.index, name="teams"),
    path("teams/new/", team_views.create, name="team_create"),
    path("teams/<uuid:team_id>/", team_views.detail, name="team"),
    path("teams/<uuid:team_id>/settings/", team_views.settings, name="team_settings"),
    path("teams/<uuid:team_id>/delete/", team_views.delete, name="team_delete"),
    path("teams/<uuid:team_id>/invite/", team_views.invite, name="team_invite"),
    path("teams/<uuid:team_id>/leave/", team_views.leave, name="team_leave"),
    path("teams/<uuid:team_id>/members/<int:membership_id>/role/", team_views.set_role, name="team_set_role"),
    path("teams/<uuid:team_id>/members/<int:membership_id>/remove/", team_views.remove, name="team_remove"),
    path(
        "teams/<uuid:team_id>/invitations/<uuid:invitation_id>/revoke/",
        team_views.revoke_invitation,
        name="team_revoke_invitation",
    ),
    path("teams/<uuid:team_id>/activity/", audit_views.team_activity, name="team_activity"),
    path("teams/<uuid:team_id>/activity/download/", audit_views.team_activity_csv, name="team_activity_csv"),
    path("audit/", audit_views.log, name="audit"),
    path("audit/download/", audit_views.log_csv, name="audit_csv"),
    path("invitations/<str:secret>/", member_views.invitation, name="invitation"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("", include((own, "projects"))),
]
