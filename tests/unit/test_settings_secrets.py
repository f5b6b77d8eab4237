"""Settings from files: what is secret need not be in the environment, nor in a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load_settings


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that SECRETS_DIR names, empty, with nothing else set."""
    for name in (*Settings.model_fields, "credentials_directory"):
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_any_setting_may_be_a_file_and_its_last_newline_does_not_count(secrets: Path) -> None:
    (secrets / "webui_secret_key").write_text("a secret from a file\n")
    (secrets / "OPENAI_API_KEY").write_text("sk-1\n")
    settings = load_settings()
    assert settings.webui_secret_key == "a secret from a file"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-1"


def test_the_environment_wins(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "webui_secret_key").write_text("a secret from a file")
    monkeypatch.setenv("WEBUI_SECRET_KEY", "a secret from the environment")
    assert load_settings().webui_secret_key == "a secret from the environment"


def test_passwords_are_put_into_urls_that_have_none(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "redis_password").write_text("p@ss/w:rd#%\n")
    (secrets / "database_password").write_text("d@ta\n")
    monkeypatch.setenv("REDIS_URL", "rediss://node@valkey:6379/1?ssl_cert_reqs=none")
    monkeypatch.setenv("DATABASE_URL", "postgresql://roomlog@postgres:5432/roomlog")
    settings = load_settings()
    assert settings.log_url == "rediss://node:p%40ss%2Fw%3Ard%23%25@valkey:6379/1?ssl_cert_reqs=none"
    assert settings.archive_url == "postgresql://roomlog:d%40ta@postgres:5432/roomlog"
    assert "ss/w" not in repr(settings)


def test_a_url_with_a_password_of_its_own_keeps_it(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "redis_password").write_text("other")
    monkeypatch.setenv("WEBSOCKET_REDIS_URL", "redis://:mine@valkey:6379/0")
    assert load_settings().log_url == "redis://:mine@valkey:6379/0"


def test_sockets_and_urls_without_a_user_take_a_password_too(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "redis_password").write_text("pw")
    monkeypatch.setenv("REDIS_URL", "redis://valkey:6379/0")
    assert load_settings().log_url == "redis://:pw@valkey:6379/0"
    monkeypatch.setenv("REDIS_URL", "unix:///run/valkey.sock")
    assert load_settings().log_url == "unix://:pw@/run/valkey.sock"


def test_without_urls_a_password_means_nothing(secrets: Path) -> None:
    (secrets / "redis_password").write_text("pw")
    settings = load_settings()
    assert settings.log_url is None
    assert settings.archive_url is None


def test_systemd_names_the_folder_in_its_own_way(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRETS_DIR")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "webui_secret_key").write_text("a credential")
    assert load_settings().webui_secret_key == "a credential"


def test_a_folder_that_is_named_and_missing_stops_the_start(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(secrets / "none"))
    with pytest.raises(SettingsError, match=r"SECRETS_DIR=.*: no such folder"):
        load_settings()


def test_a_bad_value_in_a_file_is_told_by_name_only(secrets: Path) -> None:
    (secrets / "webui_secret_key").write_text("short")
    with pytest.raises(SettingsError, match=r"WEBUI_SECRET_KEY=\*\*\*: ") as fault:
        load_settings()
    assert "short" not in str(fault.value)
