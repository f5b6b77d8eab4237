"""The settings that nodes and workers share, read from the environment once, at the start of a process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from streams.documents import FoldDue

_SECRETS = ("secret", "password", "key", "url")

_SECRETS_DIR = "/run/secrets"
"""Where Docker, Podman and Swarm put a container's secrets."""


class SettingsError(Exception):
    """A setting has a bad value. One line: its name, the value (secrets masked), and what is accepted."""


class Settings(BaseSettings):
    """What every process of Roomlog needs to know. Names in the environment are the fields' names in upper case.

    Any setting may be a file of that name instead, upper or lower case, in SECRETS_DIR. The environment wins.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True)

    redis_url: str | None = Field(
        None, description="Redis or Valkey: redis://, rediss:// or unix://. Unset: an embedded Valkey is started."
    )
    websocket_redis_url: str | None = Field(None, description="Old name of the log's server; wins over REDIS_URL.")
    redis_password: SecretStr | None = Field(None, description="Password of the log's server, where its URL has none.")
    redis_sentinel_hosts: str = Field("", description="Sentinel hosts, comma separated; REDIS_URL's host is the name.")
    websocket_sentinel_hosts: str = Field("", description="Old name; wins over REDIS_SENTINEL_HOSTS.")
    redis_sentinel_port: int = Field(26379, ge=1, le=65535, description="Port of the Sentinels.")
    websocket_sentinel_port: int | None = Field(None, ge=1, le=65535, description="Old name of the same.")
    redis_sentinel_max_retry_count: int = Field(
        2, ge=0, description="Accepted for Open WebUI's sake; whoever asks tries again until its own deadline."
    )
    redis_cluster: bool = Field(False, description="Redis Cluster. Not supported yet: true stops the start.")
    websocket_redis_cluster: bool = Field(False, description="Old name of the same.")
    redis_key_prefix: str = Field("rl", pattern=r"^[A-Za-z0-9_.:-]{1,64}$", description="Prefix of every Redis key.")
    database_url: str | None = Field(
        None, description="PostgreSQL: postgresql://user:password@host/name. Unset: an embedded PostgreSQL is started."
    )
    database_password: SecretStr | None = Field(None, description="Password of DATABASE_URL, where it has none.")
    secrets_dir: Path | None = Field(
        None,
        description="Folder of files named like settings, each with that setting's value. Unset: systemd's "
        "CREDENTIALS_DIRECTORY, else /run/secrets if there is one.",
    )
    roomlog_data_dir: Path = Field(Path(".data"), description="Folder of the embedded servers and the dev secret.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["console", "json"] = Field("console", description="Lines for people, or an object a line.")

    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="Collector to which requests are traced, by OTLP over HTTP: http(s)://host:4318. Unset: none. "
        "Needs roomlog[otel]; the other OTEL_ names work as documented there.",
    )
    otel_service_name: str | None = Field(None, description="Service in traces. Unset: roomlog-node, roomlog-worker.")
    otel_sdk_disabled: bool = Field(False, description="true traces nothing, whatever else is set.")
    worker_metrics_port: int = Field(
        0, ge=0, le=65535, description="Port on which a worker answers /metrics and /livez; 0: none."
    )
    worker_metrics_host: str = Field("127.0.0.1", description="Address for it.")

    room_cap: int = Field(100_000, ge=100, description="Entries of a room above which appends are refused (429).")
    room_keep: int = Field(
        50_000, ge=10, description="Folded entries of a room above which the oldest are trimmed, whatever their age."
    )
    retention_s: int = Field(86_400, ge=1, description="Seconds for which folded entries are kept for replay.")
    shard_log_length: int = Field(
        100_000, ge=5_000, description="Entries of the shard's log. A node that is further behind repairs from rooms."
    )

    task_lease_s: float = Field(
        30.0, ge=1, le=3000, description="Seconds within which what a dead process left unfinished is closed."
    )
    fold_window_ms: int = Field(200, ge=0, le=10_000, description="How long a worker gathers deltas for one commit.")
    claim_after_s: float = Field(10.0, ge=1, description="Silence after which a worker's job is taken over.")
    sweep_interval_s: float = Field(30.0, ge=0.1, description="Pause between two sweeps over all rooms.")

    document_update_bytes: int = Field(1 << 20, ge=1_000, le=8 << 20, description="Largest update of a document.")
    document_update_structs: int = Field(10_000, ge=10, description="Structs of one update at most.")
    document_soft_bytes: int = Field(
        4 << 20, ge=1_000, description="Size of a document above which updates may delete but add nothing."
    )
    document_hard_bytes: int = Field(
        8 << 20, ge=1_000, le=64 << 20, description="Size, unfolded updates included, above which none is taken."
    )
    document_fold_quiet_ms: int = Field(2_000, ge=0, description="A document is folded so long after its last edit.")
    document_fold_longest_ms: int = Field(15_000, ge=0, description="An edit waits no longer than this for its fold.")
    document_fold_updates: int = Field(500, ge=1, description="Unfolded updates at which a document is folded at once.")
    document_fold_bytes: int = Field(256 << 10, ge=1, description="Bytes of unfolded updates at which it is, too.")
    document_keep_bytes: int = Field(
        16 << 20, ge=1_000, description="Folded updates of a document that are kept at most for who comes back."
    )
    document_versions: int = Field(3, ge=1, description="Newest states of a document that are kept.")
    document_version_hours: int = Field(24, ge=0, description="Hours with edits of which the last state is kept.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the first one wins: arguments, the environment, files of secrets."""
        return init_settings, env_settings, SecretsSettingsSource(settings_cls, _secrets_dir())

    @field_validator("redis_url", "websocket_redis_url")
    @classmethod
    def _redis_scheme(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("redis://host:port/db, rediss://… or unix:///path is accepted")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_scheme(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("only PostgreSQL is supported: postgresql://user:password@host:port/name is accepted")
        return value

    @model_validator(mode="after")
    def _supported(self) -> Settings:
        if self.redis_cluster or self.websocket_redis_cluster:
            raise ValueError("REDIS_CLUSTER: true is not supported; one primary, standalone or by Sentinel, is")
        if self.sentinels and not (self.log_url and urlsplit(self.log_url).hostname):
            raise ValueError(
                "REDIS_URL: with REDIS_SENTINEL_HOSTS, redis://NAME/db is accepted, "
                "NAME as the Sentinels call the primary"
            )
        if self.room_keep > self.room_cap:
            raise ValueError(
                f"ROOM_KEEP: {self.room_keep} is above ROOM_CAP ({self.room_cap}); at most that is accepted"
            )
        if self.document_soft_bytes > self.document_hard_bytes:
            raise ValueError(
                f"DOCUMENT_SOFT_BYTES: {self.document_soft_bytes} is above DOCUMENT_HARD_BYTES "
                f"({self.document_hard_bytes}); at most that is accepted"
            )
        return self

    @property
    def traces_url(self) -> str | None:
        """Where traces go; None: nowhere."""
        return None if self.otel_sdk_disabled else self.otel_exporter_otlp_endpoint

    @property
    def fold_due(self) -> FoldDue:
        """When documents are folded."""
        return FoldDue(
            self.document_fold_quiet_ms,
            self.document_fold_longest_ms,
            self.document_fold_updates,
            self.document_fold_bytes,
        )

    @property
    def log_url(self) -> str | None:
        """The URL of the log's server, with its password; None: embedded."""
        return _with_password(self.websocket_redis_url or self.redis_url, self.redis_password)

    @property
    def archive_url(self) -> str | None:
        """The URL of the tables' server, with its password; None: embedded."""
        return _with_password(self.database_url, self.database_password)

    @property
    def sentinels(self) -> tuple[tuple[str, int], ...]:
        """(host, port) of every Sentinel; empty when there is none."""
        hosts = self.websocket_sentinel_hosts or self.redis_sentinel_hosts
        port = self.websocket_sentinel_port or self.redis_sentinel_port
        return tuple((host.strip(), port) for host in hosts.split(",") if host.strip())


S = TypeVar("S", bound=Settings)


def read(kind: type[S], **overrides: Any) -> S:
    """Read settings of a kind from the environment. Raises SettingsError with one line that names every bad one."""
    try:
        return kind(**overrides)
    except ValidationError as fault:
        raise SettingsError("; ".join(_line(kind, error) for error in fault.errors())) from fault
    except OSError as fault:
        raise SettingsError(f"{fault.filename}: this secret cannot be read: {fault.strerror}") from fault


def _secrets_dir() -> Path | None:
    """The folder of secrets; None: there is none. Raises SettingsError when the one that is named is not there."""
    named = os.environ.get("SECRETS_DIR") or os.environ.get("CREDENTIALS_DIRECTORY")
    folder = Path(named or _SECRETS_DIR)
    if folder.is_dir():
        return folder
    if named:
        raise SettingsError(f"SECRETS_DIR={named}: no such folder")
    return None


def _with_password(url: str | None, password: SecretStr | None) -> str | None:
    if url is None or password is None:
        return url
    parts = urlsplit(url)
    if parts.password is not None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password.get_secret_value(), safe='')}@{host}").geturl()


def load_settings() -> Settings:
    """The shared settings, from the environment. Raises SettingsError."""
    return read(Settings)


def _line(kind: type[Settings], error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    value = error["input"]
    shown = "***" if any(word in name for word in _SECRETS) else repr(value)
    field = kind.model_fields.get(name)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    return f"{name.upper()}={shown}: {message}{meaning}"
