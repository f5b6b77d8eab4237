"""Open WebUI's two tables of a chat as its models have them, rebuilt from their description: the whole history in one
JSON column, and beside it a row a message, most of whose columns are JSON too."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, BigInteger, Boolean, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {str: Text, int: BigInteger, Any: JSON, bool: Boolean}  # noqa: RUF012  # SQLAlchemy's own


class Chat(Base):
    __tablename__ = "owui_chat"
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    title: Mapped[str]
    chat: Mapped[Any]
    created_at: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[int] = mapped_column(default=0)
    share_id: Mapped[str | None]
    archived: Mapped[bool] = mapped_column(default=False)
    pinned: Mapped[bool] = mapped_column(default=False)
    meta: Mapped[Any] = mapped_column(default=dict)
    folder_id: Mapped[str | None]


class ChatMessage(Base):
    __tablename__ = "owui_chat_message"
    id: Mapped[str] = mapped_column(primary_key=True)
    chat_id: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[str]
    role: Mapped[str]
    parent_id: Mapped[str | None]
    content: Mapped[Any] = mapped_column(nullable=True)
    output: Mapped[Any] = mapped_column(nullable=True)
    model_id: Mapped[str | None]
    files: Mapped[Any] = mapped_column(nullable=True)
    sources: Mapped[Any] = mapped_column(nullable=True)
    embeds: Mapped[Any] = mapped_column(nullable=True)
    done: Mapped[bool] = mapped_column(default=True)
    status_history: Mapped[Any] = mapped_column(nullable=True)
    error: Mapped[Any] = mapped_column(nullable=True)
    usage: Mapped[Any] = mapped_column(nullable=True)
    meta: Mapped[Any] = mapped_column(nullable=True)
    created_at: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[int] = mapped_column(default=0)


class ChatModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    user_id: str
    title: str
    chat: dict[str, Any]
    created_at: int
    updated_at: int
    share_id: str | None = None
    archived: bool = False
    pinned: bool | None = False
    meta: dict[str, Any] = {}
    folder_id: str | None = None


class ChatMessageModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    chat_id: str
    user_id: str
    role: str
    parent_id: str | None = None
    content: Any = None
    output: list[Any] | None = None
    model_id: str | None = None
    files: list[Any] | None = None
    sources: list[Any] | None = None
    embeds: list[Any] | None = None
    done: bool = True
    status_history: list[Any] | None = None
    error: Any = None
    usage: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    created_at: int
    updated_at: int
