"""A node's settings, read from the environment once. The old names of Open WebUI keep working."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from app.question import DEFAULT_TIMEOUT_S, Patience
from app.sink import Marks
from registry.settings import Settings as SharedSettings
from registry.settings import SettingsError, read

__all__ = ["Settings", "SettingsError", "load_settings"]


class Settings(SharedSettings):
    """Everything that a node needs to know, besides what it shares with the workers."""

    webui_secret_key: str | None = Field(
        None, min_length=8, description="HS256 secret of the tokens. Unset: made once in the data folder (development)."
    )
    webui_url: str | None = Field(
        None,
        description="Open WebUI whose users these are, http(s)://host:port: asked for the name of a token that tells "
        "neither name nor role, and whether that user is let in. Unset: tokens tell all.",
    )
    port: int = Field(8080, ge=1, le=65535, description="Port of `roomlog serve` and `make run`.")
    host: str = Field("127.0.0.1", description="Address of `roomlog serve` and `make run`.")
    forwarded_allow_ips: str = Field(
        "127.0.0.1",
        description="Proxies, comma separated addresses or networks, whose X-Forwarded-For and -Proto `roomlog serve` "
        "believes; `*` any.",
    )
    cors_allow_origin: str = Field("*", description="Allowed origins, separated by `;`; `*` allows any.")
    always_connect: bool = Field(
        False,
        description="Connect a socket with a bad token into no room; a `user-join` with a good one makes it a session, "
        "that is not resumed.",
    )

    enable_websocket_support: bool = Field(True, description="false leaves polling only.")
    websocket_manager: Literal["", "None", "redis"] = Field(
        "redis", description="Accepted for Open WebUI's sake; always redis."
    )
    websocket_server_ping_interval: float = Field(25, gt=0, description="Seconds between pings.")
    websocket_server_ping_timeout: float = Field(20, gt=0, description="Seconds within which a pong must come.")
    websocket_server_logging: bool = Field(False, description="Log sessions' begin and end, and events' names.")
    websocket_server_engineio_logging: bool = Field(False, description="Log Engine.IO packets' kinds.")
    websocket_event_caller_timeout: float | None = Field(None, gt=0, description="Seconds an event call waits.")
    user_input_min_s: float = Field(60, gt=0, description="Least seconds that a person has to answer a call.")
    user_input_max_s: float = Field(240, gt=0, description="Most seconds that a person has, whatever the caller asks.")
    call_follow_s: float = Field(60, gt=0, le=60, description="How long a user whose asked page dropped has to return.")
    call_same_tab_s: float = Field(5, gt=0, description="How long until another open tab of the user is asked instead.")
    websocket_redis_lock_timeout: int = Field(
        60, ge=1, description="Accepted for Open WebUI's sake; leases have terms of their own."
    )
    redis_task_ttl: int = Field(300, ge=1, description="Accepted for Open WebUI's sake; TASK_LEASE_S decides.")
    drain_seconds: float = Field(
        10.0, ge=0, le=3600, description="Seconds across which a node that is told to stop sends its clients elsewhere."
    )
    task_stop_wait_s: float = Field(10.0, gt=0, description="How long a stop waits for the task's end.")
    openai_api_base_url: str | None = Field(
        None, description="OpenAI-compatible provider, http(s)://host/v1. Unset: an embedded one that echoes."
    )
    openai_api_key: SecretStr | None = Field(None, description="Key of the provider, sent as a bearer token.")
    completion_idle_s: float = Field(
        300.0, gt=0, le=3000, description="Silence of the provider after which a completion ends with an error."
    )
    completion_connect_s: float = Field(10.0, gt=0, description="How long connecting to the provider may take.")
    completion_tasks: int = Field(500, ge=1, description="Completions of one node at a time; above it: 429.")
    echo_words_s: float = Field(20.0, gt=0, description="Words a second of the embedded provider.")
    enable_title_generation: bool = Field(True, description="Titles of chats, where a page asks for one.")
    enable_tags_generation: bool = Field(True, description="Tags of chats, where a page asks for them.")
    enable_follow_up_generation: bool = Field(True, description="Follow-up questions, where a page asks for them.")
    task_model: str | None = Field(None, description="Model of these three. Unset: the one that answered.")
    task_model_external: str | None = Field(None, description="Open WebUI's other name; wins over TASK_MODEL.")
    afterthought_s: float = Field(60.0, gt=0, description="How long each of these three may take.")
    max_message_bytes: int = Field(16 << 20, ge=1024, description="Largest message or request body that is taken.")

    demo: bool = Field(
        False, description="Serve the demo chat at `/`: anybody signs in by a name. `make run` turns it on."
    )
    demo_nodes: str = Field("", description="Addresses of all nodes, separated by commas, for the demo to link to.")
    demo_model: str = Field("echo", description="Model that answers in the demo.")
    demo_sign_ins_per_min: int = Field(
        30, ge=1, le=60_000, description="Sign-ins to the demo from one address at one node; above it: 429."
    )

    embedded_worker: bool = Field(True, description="With embedded servers only: run a worker beside this node.")
    session_ttl_s: int = Field(600, ge=1, description="Seconds for which a session that went away may come back.")
    direct_idle_s: float = Field(120, gt=0, description="Silence of a browser after which a direct completion ends.")
    direct_away_s: float = Field(30, gt=0, description="How long the browser of a direct completion may be away.")
    presence_ttl_s: float = Field(30, ge=1, description="Seconds after which what a dead node noted vanishes.")
    session_rooms: int = Field(1000, ge=1, description="Rooms that one session may be in.")
    tail_pause_ms: float = Field(
        2.0, ge=0, le=100, description="Longest pause between two reads of the log while entries come fast; 0: none."
    )
    append_pause_ms: float = Field(
        2.0, ge=0, le=100, description="Longest pause before the next batch of appends while they come fast; 0: none."
    )
    websocket_compression: bool = Field(
        False, description="`roomlog serve` agrees on permessage-deflate: fewer bytes of long events, for more CPU."
    )
    send_queue_packets: int = Field(
        1000, ge=10, description="Packets that may wait for one socket; above it the socket is fed from the log."
    )
    send_queue_bytes: int = Field(1 << 20, ge=1024, description="The same, in bytes.")
    send_buffer_bytes: int = Field(
        256 << 10, ge=4096, description="Bytes that may wait in a socket's write buffer; above it, the same."
    )
    redis_shared_link: bool = Field(
        True, description="Calls to the log's server share a connection; false takes one of a pool for each."
    )
    admitted_at_once: int = Field(50, ge=1, description="Clients that a node lets in at a time; the others wait.")
    history_bytes: int = Field(
        32 << 20, ge=0, description="Recent entries that a node keeps for clients that come back together; 0: none."
    )
    history_s: float = Field(10.0, gt=0, description="Seconds for which it keeps them.")
    ydoc_binary: bool = Field(True, description="false sends document updates as lists of numbers, not as binary.")
    document_updates_s: float = Field(50, gt=0, description="Updates of documents a second of one socket.")
    document_update_bytes_s: float = Field(256 << 10, gt=0, description="Bytes of those a second of one socket.")
    session_documents: int = Field(50, ge=1, description="Documents that one session may have open.")
    awareness_bytes: int = Field(8192, ge=100, description="Largest awareness update (cursors, selections).")
    awareness_s: float = Field(20, gt=0, description="Awareness updates a second of one socket.")
    sql_wait_s: float = Field(10.0, gt=0, description="How long `?ack=sql` waits for the fold.")
    idempotency_ttl_s: int = Field(86_400, ge=1, description="Seconds for which an Idempotency-Key is remembered.")
    worker_lag_s: float = Field(30.0, gt=0, description="Unfolded age above which /readyz complains.")

    @field_validator("openai_api_base_url", "webui_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not (value.startswith(("http://", "https://")) and _names_a_host(value)):
            raise ValueError("http://host:port/… or https://host:port/… is accepted")
        return value.rstrip("/") if value is not None else None

    @field_validator("roomlog_data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.absolute()

    @property
    def patience(self) -> Patience:
        """How long event calls wait for their answers."""
        default_s = self.websocket_event_caller_timeout or DEFAULT_TIMEOUT_S
        return Patience(
            default_s, self.user_input_min_s, self.user_input_max_s, self.call_follow_s, self.call_same_tab_s
        )

    @property
    def afterthought_model(self) -> str | None:
        """The model of titles, tags and follow-ups; None: the one that answered."""
        return self.task_model_external or self.task_model

    @property
    def admission_wait_s(self) -> float:
        """How long a client waits in line, unread: its pings must not be due meanwhile."""
        return min(15.0, self.websocket_server_ping_interval / 2)

    @property
    def marks(self) -> Marks:
        """When a socket has enough."""
        return Marks(self.send_queue_packets, self.send_queue_bytes, self.send_buffer_bytes)

    @property
    def demo_addresses(self) -> list[str]:
        """Where the demo is served, without a slash at the end."""
        return [url.strip().rstrip("/") for url in self.demo_nodes.split(",") if url.strip()]

    @property
    def origins(self) -> list[str] | str:
        """Allowed origins as the Socket.IO server takes them: "*" or a list."""
        names = [origin.strip() for origin in self.cors_allow_origin.split(";") if origin.strip()]
        return "*" if "*" in names or not names else names


def _names_a_host(url: str) -> bool:
    """False, too, for a port that is none: httpx would raise only when it is used."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def load_settings() -> Settings:
    """A node's settings, from the environment. Raises SettingsError."""
    return read(Settings)
