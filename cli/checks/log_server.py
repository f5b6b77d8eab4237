"""The log's server: whether it answers, can carry the log, and lets its user do what a program needs."""

from __future__ import annotations

from dataclasses import asdict

from cli.checks.finding import Finding, finding_of
from cli.screen import size
from oversight.advice import advise
from oversight.state import Postgres, Redis, State, Totals
from streams.errors import LogError, ServerUnfit
from streams.link import Link, check_server
from streams.rights import Program, denied
from streams.server import facts_by_info

ABOUT = "REDIS_URL"
RULES = "Give it the rules of docs/redis-acl.md."


async def log_findings(link: Link, program: Program) -> list[Finding]:
    """Ask the server; it holds nothing more afterwards than before."""
    try:
        await check_server(link)
    except ServerUnfit as fault:
        return [Finding("bad", ABOUT, _sentence(fault), _cure(str(fault)))]
    findings = [await _rights(link, program)]
    try:
        redis = Redis(ok=True, **asdict(await facts_by_info(link.onlooker())))
    except LogError as fault:  # whoever may not ask for INFO was told so above
        return [*findings, Finding("bad", ABOUT, _sentence(fault), RULES)]
    return [_about(redis), *findings, *_advice(redis)]


async def _rights(link: Link, program: Program) -> Finding:
    try:
        refused = await denied(link, program)
    except LogError as fault:
        return Finding("bad", ABOUT, _sentence(fault), RULES)
    if not refused:
        return Finding("ok", ABOUT, f"its user may do all that a {program} does")
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return Finding("bad", ABOUT, f"a {program} needs what its user may not: {refused[0]}{more}", RULES)


def _about(redis: Redis) -> Finding:
    kept = "the append-only file is on" if redis.aof else "no append-only file"
    words = f"{redis.kind} {redis.version}, {redis.role}, {redis.policy}, {kept}"
    return Finding("ok", ABOUT, f"{words}, uses {size(redis.used_bytes)} of {size(redis.max_bytes) or 'all there is'}")


def _advice(redis: Redis) -> list[Finding]:
    away = Postgres(ok=True)  # nothing is said of it here
    state = State(
        time_ms=0,
        version="",
        position=None,
        epoch=None,
        nodes=(),
        workers=(),
        redis=redis,
        postgres=away,
        totals=Totals(),
    )
    return [finding_of(advice, ABOUT) for advice in advise(state, float("inf")) if advice.about == "redis"]


async def memory_findings(link: Link) -> list[Finding]:
    """Whether the server says when it is full. Not for embedded ones, which share a machine with everything."""
    try:
        if (await facts_by_info(link.onlooker())).max_bytes is not None:
            return []
    except LogError:
        return []  # told of by `log_findings`
    what = "it has no maxmemory: it takes what the machine has, and is killed when that is gone"
    return [Finding("warn", ABOUT, what, "CONFIG SET maxmemory, to what the machine can spare: docs/operate.md.")]


def _sentence(fault: Exception) -> str:
    return str(fault).removeprefix(f"{ABOUT}: ")


def _cure(said: str) -> str:
    if "not a URL" in said:
        return "Write redis://user:password@host:6379/0, rediss://… or unix:///path."
    if "refuses the password" in said:
        return "Mend REDIS_URL's user, or REDIS_PASSWORD."
    if "is needed" in said:
        return "Upgrade it: Redis 6.2 or Valkey 7.2, or newer."
    if "too little" in said:
        return RULES
    return "Start it, or mend REDIS_URL (REDIS_SENTINEL_HOSTS) and the network between."
