"""Settings: where they come from, which wins, and what is refused."""

import os
from pathlib import Path

import pytest

from enactor.settings import Settings, SettingsError, example, load_settings, reference

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ENACTOR_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_defaults_need_nothing() -> None:
    settings = load_settings()
    assert settings.backend == "sim"
    assert settings.training_log == Path("~/.manny/training_data").expanduser()


def test_flags_win_over_variables_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "enactor.toml").write_text('model = "a"\nslots = 3\nseed = 4\n')
    monkeypatch.setenv("ENACTOR_SLOTS", "5")
    monkeypatch.setenv("ENACTOR_SEED", "6")
    settings = load_settings({"seed": "7"})
    assert (settings.model, settings.slots, settings.seed) == ("a", 5, 7)


def test_the_users_folder_is_second(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "enactor"
    folder.mkdir(parents=True)
    (folder / "enactor.toml").write_text("slots = 3")
    if load_settings().slots != 3:
        pytest.skip("this platform keeps its settings elsewhere")
    (tmp_path / "enactor.toml").write_text("seed = 1")
    assert load_settings().slots == 2


def test_a_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text("slots = 4")
    monkeypatch.setenv("ENACTOR_SETTINGS", "other.toml")
    assert load_settings().slots == 4
    monkeypatch.setenv("ENACTOR_SETTINGS", "gone.toml")
    with pytest.raises(SettingsError, match=r"gone\.toml"):
        load_settings()


def test_all_problems_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "enactor.toml").write_text('slot = 3\nbackend = "real"\ncolour = "red"\n')
    monkeypatch.setenv("ENACTOR_THREADS", "none")
    monkeypatch.setenv("ENACTOR_MODLE", "base")
    with pytest.raises(SettingsError) as caught:
        load_settings({"seed": "-1"})
    told = str(caught.value)
    assert "slot in enactor.toml: unknown setting; did you mean slots?" in told
    assert "backend in enactor.toml: " in told
    assert "colour in enactor.toml: unknown setting; known are " in told
    assert "ENACTOR_THREADS: " in told
    assert "ENACTOR_MODLE: unknown variable" in told
    assert "--seed: " in told


@pytest.mark.parametrize("content", [b"slots = ", b"\xff\xfe", b"slots = 1\nslots = 2"])
def test_a_file_that_is_no_toml(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "enactor.toml").write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings()


def test_the_example_holds_every_key_and_its_default(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in example().splitlines() if line.split(" ")[2:3] == ["="]]
    (tmp_path / "enactor.toml").write_text("\n".join(lines))
    loaded, defaults = load_settings(), Settings()
    assert len(lines) == len(Settings.model_fields)
    for key, field in Settings.model_fields.items():
        if not field.examples:
            assert getattr(loaded, key) == getattr(defaults, key)


def test_the_generated_files_are_current() -> None:
    cure = "run `python -m enactor.settings` in the project's folder"
    assert (REPOSITORY / "enactor.example.toml").read_text() == example(), cure
    assert (REPOSITORY / "docs" / "settings.md").read_text() == reference(), cure
