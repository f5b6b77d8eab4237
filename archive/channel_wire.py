"""A channel as clients read it (Open WebUI's ChannelModel)."""

from __future__ import annotations

from archive.channel import Channel
from archive.shapes import JsonObject


def channel_wire(channel: Channel) -> JsonObject:
    """The channel itself, without what its members see of it. Times in Unix nanoseconds."""
    return {
        "id": channel.id,
        "user_id": channel.created_by,
        "type": channel.kind,
        "name": channel.name,
        "description": channel.description,
        "is_private": channel.is_private,
        "data": channel.data,
        "meta": channel.meta,
        "created_at": channel.created_at,
        "updated_at": channel.updated_at,
    }
