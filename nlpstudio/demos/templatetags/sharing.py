"""The share links of a model, for its page."""

from __future__ import annotations

from django import template
from django.template.context import Context

from nlpstudio.demos import sharing
from nlpstudio.demos.kept import ShareLink, ShareLinkQuerySet
from nlpstudio.demos.link_forms import LinkForm
from nlpstudio.registry.models import Model

register = template.Library()


@register.simple_tag
def share_links(model: Model) -> ShareLinkQuerySet:
    """The open links to the model's versions, the newest first."""
    return ShareLink.objects.of_model(model)


@register.simple_tag
def link_form(model: Model) -> LinkForm:
    return LinkForm(model=model)


@register.simple_tag(takes_context=True)
def link_address(context: Context, link: ShareLink) -> str:
    """The whole address to send to somebody."""
    return str(context["request"].build_absolute_uri(sharing.address_of(link)))
