"""Addresses of the pages about everybody who has an account."""

from __future__ import annotations

from django.urls import path

from nlpstudio.accounts import people_views

app_name = "people"
urlpatterns = [
    path("", people_views.index, name="index"),
    path("<uuid:user_id>/", people_views.detail, name="detail"),
    path("<uuid:user_id>/close/", people_views.close, name="close"),
    path("<uuid:user_id>/open/", people_views.open_again, name="open"),
    path("<uuid:user_id>/make-admin/", people_views.make_admin, name="make_admin"),
    path("<uuid:user_id>/unmake-admin/", people_views.unmake_admin, name="unmake_admin"),
    path("<uuid:user_id>/disconnect/", people_views.disconnect, name="disconnect"),
    path("<uuid:user_id>/reset-two-factor/", people_views.reset_two_factor, name="reset_two_factor"),
]
