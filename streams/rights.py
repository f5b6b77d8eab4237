"""Whether the log's server lets its user do what a program needs, asked without doing any of it.

The commands are queued in a transaction that is never run: the server looks at the user's rights when it queues them,
and forgets them with the connection.
"""

from __future__ import annotations

from typing import Literal

from redis import exceptions as redis_errors

from streams.errors import LogUnavailable
from streams.keys import Keys
from streams.line import Line
from streams.link import Link

ASK_S = 3.0

Program = Literal["node", "worker"]

BOTH = """
del K; eval S 1 K; evalsha 0 1 K; exists K; expire K 1; get K; getex K; hdel K f; hexists K f; hget K f; hgetall K
hincrby K f 1; hlen K; hmget K f; hrandfield K; hscan K 0; hset K f v; hsetnx K f v; info; memory usage K
pexpire K 1; ping; publish C m; sadd K m; set K v; smismember K m; subscribe C; time; unsubscribe C
xadd K * f v; xdel K 1-1; xlen K; xrange K - +; xread STREAMS K 0; xrevrange K + -; xtrim K MAXLEN 0
zadd K 1 m; zcard K; zcount K 0 1; zmscore K m; zrangebyscore K 0 1; zrem K m; zremrangebyscore K 0 1; zscore K m
"""
NODE = "dbsize; mget K; mget A; set A v; script load S; xinfo stream K; zrange K 0 1; zrevrangebyscore K 1 0"
WORKER = """
scard K; sismember K m; srem K m; xack K g 1-1; xautoclaim K g c 0 0; xclaim K g c 0 1-1; xgroup create K g 0
xgroup delconsumer K g c; xinfo consumers K g; xpending K g; xreadgroup GROUP g c STREAMS K >
"""
"""Commands; K: a key of ours. A: one of revocation's. C: the bus. S: a script. The other words only fill their places.

A test compares them with deploy/valkey/users.acl.
"""

UNTRIED = {"client|setinfo", "exec", "multi", "select"}
"""What every connection does anyway, and what would end the transaction."""


def commands(program: Program) -> list[list[str]]:
    """The commands of a program, each as its words."""
    text = BOTH + ";" + (NODE if program == "node" else WORKER)
    return [words for line in text.splitlines() for part in line.split(";") if (words := part.split())]


async def denied(link: Link, program: Program) -> list[str]:
    """What the program may not do, in the server's words, each command once; empty when it may do everything.

    Raises LogUnavailable when the server does not answer, or refuses even to be asked.
    """
    line = Line(link.onlooker())
    found: dict[str, str] = {}
    try:
        await line.call(("MULTI",), ASK_S)
        for words in commands(program):
            if (fault := await _refused(line, [_word(word, link.keys) for word in words])) is not None:
                found.setdefault(words[0], fault)
    except (redis_errors.RedisError, OSError) as fault:
        raise LogUnavailable(f"the log cannot be asked for rights: {fault}") from fault
    finally:
        await line.aclose()
    return list(found.values())


async def _refused(line: Line, words: list[str]) -> str | None:
    """Why it may not be queued; None when it may. A command that an older server does not know is not a right."""
    try:
        await line.call(words, ASK_S)
    except redis_errors.ResponseError as fault:
        said = str(fault)
        return said.removeprefix("NOPERM ") if "permission" in said else None
    return None


def _word(word: str, keys: Keys) -> str:
    stands_for = {"K": keys.log, "A": keys.token_revoked("0"), "C": keys.bus, "S": "return 1"}
    return stands_for.get(word, word)
