"""Settings by the names under which Open WebUI's operators know them."""

from __future__ import annotations

import pytest

from app.settings import Settings, SettingsError, load_settings

KNOWN = {
    "ENABLE_WEBSOCKET_SUPPORT": ("True", "False"),
    "WEBSOCKET_MANAGER": ("", "None", "redis"),
    "WEBSOCKET_REDIS_URL": ("redis://redis:6379/1", "redis://:secret@redis:6379/0"),
    "WEBSOCKET_REDIS_CLUSTER": ("False",),
    "WEBSOCKET_SENTINEL_HOSTS": ("", "host1,host2,host3"),
    "WEBSOCKET_SENTINEL_PORT": ("26379",),
    "WEBSOCKET_REDIS_LOCK_TIMEOUT": ("60",),
    "WEBSOCKET_SERVER_PING_TIMEOUT": ("20",),
    "WEBSOCKET_SERVER_PING_INTERVAL": ("25",),
    "WEBSOCKET_SERVER_LOGGING": ("False", "True"),
    "WEBSOCKET_SERVER_ENGINEIO_LOGGING": ("False", "True"),
    "WEBSOCKET_EVENT_CALLER_TIMEOUT": ("", "300"),
    "REDIS_URL": ("redis://host:6379/0",),
    "REDIS_CLUSTER": ("False",),
    "REDIS_SENTINEL_HOSTS": ("", "host1,host2"),
    "REDIS_SENTINEL_PORT": ("26379",),
    "REDIS_SENTINEL_MAX_RETRY_COUNT": ("2",),
    "REDIS_KEY_PREFIX": ("open-webui",),
    "REDIS_TASK_TTL": ("300",),
    "DATABASE_URL": ("postgresql://user:secret@host:5432/name",),
    "WEBUI_SECRET_KEY": ("a secret of eight or more",),
    "CORS_ALLOW_ORIGIN": ("*", "http://localhost:5173;http://localhost:8080"),
}
"""Every name that their documents have, with values as they stand there."""


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in KNOWN.items() for value in values])
def test_every_known_name_is_read_with_the_values_that_operators_give(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert name.lower() in Settings.model_fields
    monkeypatch.setenv("REDIS_URL", "redis://mymaster:6379/0")
    monkeypatch.setenv(name, value)
    load_settings()


def test_defaults_are_the_known_ones() -> None:
    settings = load_settings()
    assert settings.enable_websocket_support
    assert (settings.websocket_server_ping_interval, settings.websocket_server_ping_timeout) == (25, 20)
    assert not settings.websocket_server_logging
    assert not settings.websocket_server_engineio_logging
    assert settings.redis_sentinel_port == 26379
    assert settings.sentinels == ()
    assert settings.origins == "*"


def test_the_names_for_sockets_win_over_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://other:6379/0")
    monkeypatch.setenv("WEBSOCKET_REDIS_URL", "redis://mine:6379/1")
    monkeypatch.setenv("REDIS_SENTINEL_HOSTS", "other")
    monkeypatch.setenv("WEBSOCKET_SENTINEL_HOSTS", "one, two")
    monkeypatch.setenv("WEBSOCKET_SENTINEL_PORT", "26380")
    settings = load_settings()
    assert settings.log_url == "redis://mine:6379/1"
    assert settings.sentinels == (("one", 26380), ("two", 26380))


def test_origins_are_separated_by_semicolons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGIN", "http://localhost:5173; http://localhost:8080")
    assert load_settings().origins == ["http://localhost:5173", "http://localhost:8080"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REDIS_CLUSTER", "true", "REDIS_CLUSTER: true is not supported; one primary, standalone or by Sentinel, is"),
        ("WEBSOCKET_REDIS_CLUSTER", "true", "REDIS_CLUSTER: true is not supported"),
        ("REDIS_SENTINEL_HOSTS", "host1", "REDIS_URL: with REDIS_SENTINEL_HOSTS, redis://NAME/db is accepted"),
        ("WEBSOCKET_MANAGER", "kafka", "WEBSOCKET_MANAGER='kafka': Input should be '', 'None' or 'redis'"),
        ("WEBSOCKET_SERVER_PING_INTERVAL", "0", "WEBSOCKET_SERVER_PING_INTERVAL='0': Input should be greater than 0"),
        ("REDIS_URL", "http://:secret@host", "REDIS_URL=***: redis://host:port/db"),
    ],
)
def test_what_is_not_supported_stops_the_start_in_one_line_that_says_what_is(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as fault:
        load_settings()
    assert told in str(fault.value)
    assert "\n" not in str(fault.value)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize("name", ["WEBUI_URL", "OPENAI_API_BASE_URL"])
@pytest.mark.parametrize(
    "value", ["x:80", "http://", "http:///v1", "http://[::1", "http://[x]", "https://x:y/", "http://x:99999"]
)
def test_an_address_without_a_host_or_port_that_can_be_asked_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(
        SettingsError, match=rf"^{name}=\*\*\*: http://host:port/… or https://host:port/… is accepted.*$"
    ):
        load_settings()


@pytest.mark.parametrize("value", ["http://[::1]:8080/v1", "https://host/v1/", "http://a:b@host:80"])
def test_an_address_is_taken_without_its_last_slash(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEBUI_URL", value)
    assert load_settings().webui_url == value.rstrip("/")
