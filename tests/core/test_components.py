"""Components keep their contracts."""

from __future__ import annotations

from django import forms
from django.template import engines

from nlpstudio.core.templatetags.studio import STATES, heat, share
from nlpstudio.runs.states import State


def render(markup: str, **context: object) -> str:
    return engines["django"].from_string(markup).render(context)


class Question(forms.Form):
    name = forms.CharField(help_text="Any name.")
    note = forms.CharField(required=False)


def test_a_field_in_error_points_to_its_words():
    html = render('{% include "components/_field.html" with field=form.name only %}', form=Question({}))
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_error"' in html and "This field is required." in html


def test_an_optional_field_says_so():
    html = render('{% include "components/_field.html" with field=form.note only %}', form=Question())
    assert "optional" in html


def test_every_state_of_a_run_has_an_icon_and_a_word():
    assert set(State) <= STATES.keys()
    html = render('{% include "components/_state.html" with state="failed" only %}')
    assert "state-failed" in html and "<svg" in html and "Failed" in html


def test_a_block_keeps_its_body_and_escapes_its_title():
    html = render('{% page_header title %}<a href="/x">Go</a>{% endpage_header %}', title="<b>bold</b>")
    assert '<a href="/x">Go</a>' in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html and "<b>" not in html


def test_a_dialog_carries_the_token_of_its_form():
    html = render(
        '{% confirm id="d" title="Sure" action="/x" button="Do it" %}<p>Words</p>{% endconfirm %}', csrf_token="secret"
    )
    assert 'value="secret"' in html and '<dialog class="dialog" id="d"' in html and "<p>Words</p>" in html


def test_shares_become_widths_and_steps():
    assert [share(value) for value in (0.375, 2, -1, None)] == ["37.50%", "100.00%", "0.00%", "0.00%"]
    assert [heat(value) for value in (0, 0.001, 0.5, 1)] == [0, 1, 5, 10]


def test_progress_without_a_share_moves_by_itself():
    assert "value=" not in render('{% include "components/_progress.html" with label="Import" value=None only %}')
    assert 'value="0.0000"' in render('{% include "components/_progress.html" with label="Import" value=0.0 only %}')
