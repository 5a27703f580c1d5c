"""The button of single sign-on, by the keyboard, and back from the provider to where one wanted to go."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.identity import NAME, Identity


def test_the_button_leads_to_the_provider_and_back_in(visit: Visit, identity: Identity) -> None:
    identity.person = {"sub": "sofia", "email": "sofia@example.org", "email_verified": True, "name": "Sofia S."}
    page = visit(None)
    page.goto("/accounts/tokens/")
    page.get_by_role("button", name=f"Sign in with {NAME}").press("Enter")
    expect(page).to_have_url(re.compile("/accounts/tokens/$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/accounts/profile/")
    expect(page.get_by_label("Name")).to_have_value("Sofia S.")
